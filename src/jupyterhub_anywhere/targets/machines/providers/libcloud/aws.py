"""libcloud's connections to EC2, with errors that are read whatever stands around them."""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree as ET

from libcloud.common.types import InvalidCredsError
from libcloud.compute.drivers.ec2 import EC2Response

_REFUSED: Final = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "OptInRequired"}
)


class Response(EC2Response):
    """Reads errors with and without a namespace, and with more in them than two elements.

    libcloud finds none where the answer has a namespace, as those of what answers like EC2 do, and
    takes the cause for an empty text.
    """

    def parse_error(self) -> str:
        """The code and the message of each error."""
        found = [_said(each) for each in _errors(str(self.body or ""))]
        for code, message in found:
            if code in _REFUSED:
                raise InvalidCredsError(f"{code}: {message}")
        told = "; ".join(f"{code}: {message}" for code, message in found)
        return told or f"{self.status} {self.error or ''}".strip()


def _errors(body: str) -> list[Any]:
    try:
        answer = ET.fromstring(body)  # noqa: S314
    except ET.ParseError:
        return []
    return [each for each in answer.iter() if _name(each) == "Error"]


def _said(error: Any) -> tuple[str, str]:
    parts = {_name(each): (each.text or "").strip() for each in error}
    return parts.get("Code", ""), parts.get("Message", "")


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
