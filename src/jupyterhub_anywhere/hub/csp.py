"""A Content-Security-Policy with a nonce, for all pages of the hub and without copying any.

JupyterHub's pages carry inline scripts in places that no block of a template can replace. So two
small parts work together:

- a Jinja2 extension marks each ``<script`` that stands in a *template* with a marker, random for
  each process. What users or targets bring into a page later is not marked.
- a tornado transform replaces the marker by a nonce, random for each answer, and names that nonce
  in the header.

The API's stricter header stays as it is.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from jinja2.ext import Extension
from tornado.web import OutputTransform

from jupyterhub_anywhere.hub.config_values import add_to_nested_list

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest
    from traitlets.config import Config

HEADER: Final = "Content-Security-Policy"
_DIRECTIVES: Final = (
    ("object-src", "'none'"),
    ("base-uri", "'self'"),
    ("frame-ancestors", "'none'"),
)
_NONCE_BYTES: Final = 16
# Never leaves the process: each HTML answer passes the transform. As long as a nonce, so that
# replacing it keeps the length of the answer.
_MARKER: Final = secrets.token_urlsafe(_NONCE_BYTES)
_SCRIPT: Final = re.compile(r"<script\b(?![^>]*\snonce=)", re.IGNORECASE)


def mark_scripts(html: str) -> str:
    """Allow the scripts of a piece of HTML whose author is trusted: a template, a child's form."""
    return _SCRIPT.sub(f'<script nonce="{_MARKER}"', html)


class MarkScripts(Extension):
    """Marks every script that a template carries."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Mark the source before it is compiled."""
        del name, filename
        return mark_scripts(source)


def policy(existing: str, nonce: str) -> str:
    """The policy of one answer.

    Args:
        existing: The policy that the handler has set. What it says of a directive wins, so that
            an administrator's own policy stays in force.
        nonce: The nonce of this answer.
    """
    parts = [part.strip() for part in existing.split(";") if part.strip()]
    named = {part.split(None, 1)[0].lower() for part in parts}
    ours = (("script-src", f"'self' 'nonce-{nonce}'"), *_DIRECTIVES)
    return "; ".join([*(f"{key} {value}" for key, value in ours if key not in named), *parts])


class NonceTransform(OutputTransform):
    """Puts a fresh nonce into an HTML answer and its header."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._nonce = b""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001 - tornado's signature
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Set the header, and begin to replace."""
        if headers.get("Content-Type", "").partition(";")[0].strip() == "text/html":
            nonce = secrets.token_urlsafe(_NONCE_BYTES)
            self._nonce = nonce.encode()
            headers[HEADER] = policy(headers.get(HEADER, ""), nonce)
            # An answer 304 would pair the old page with the new nonce.
            headers.pop("Etag", None)
        return status_code, headers, self.transform_chunk(chunk, finishing)

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:  # noqa: FBT001 - tornado's
        """Replace the marker; the hub sends each page as one chunk."""
        del finishing
        return chunk.replace(_MARKER.encode(), self._nonce) if self._nonce else chunk


def configure(c: Config) -> None:
    """Make a hub send the policy; may be called again."""
    hub = c.JupyterHub
    add_to_nested_list(hub, "jinja_environment_options", "extensions", MarkScripts)
    add_to_nested_list(hub, "tornado_settings", "transforms", NonceTransform)
