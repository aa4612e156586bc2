"""The policy with a nonce: what is marked, what is replaced, what is left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from traitlets.config import Config

from jupyterhub_anywhere.hub import csp
from jupyterhub_anywhere.hub.config_values import dict_value

HUBS_OWN = "frame-ancestors 'none'; report-uri /hub/security/csp-report"


def send(body: str, content_type: str, policy: str = HUBS_OWN) -> tuple[HTTPHeaders, str]:
    """What the transform makes of an answer."""
    request = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.0"))
    headers = HTTPHeaders({"Content-Type": content_type, csp.HEADER: policy, "Etag": '"1"'})
    _, sent, chunk = csp.NonceTransform(request).transform_first_chunk(
        200, headers, body.encode(), finishing=True
    )
    return sent, chunk.decode()


def rendered(template: str, **values: str) -> str:
    """A template as the hub renders it."""
    environment = Environment(autoescape=True, extensions=[csp.MarkScripts])
    return environment.from_string(template).render(**values)


def nonces(body: str) -> list[str]:
    return re.findall(r'nonce="([^"]*)"', body)


def test_scripts_of_templates_carry_the_nonce_of_the_header() -> None:
    page = rendered("<script>a</script><SCRIPT src='b'></SCRIPT>")

    headers, body = send(page, "text/html; charset=UTF-8")

    first, second = nonces(body)
    assert first == second
    assert f"script-src 'self' 'nonce-{first}'" in headers[csp.HEADER]
    assert len(body) == len(page)


def test_each_answer_has_a_nonce_of_its_own() -> None:
    page = rendered("<script>a</script>")
    seen = {nonces(send(page, "text/html")[1])[0] for _ in range(20)}
    assert len(seen) == 20
    assert nonces(page)[0] not in seen


def test_scripts_that_come_with_values_are_not_marked() -> None:
    page = rendered("{{ text | safe }}", text="<script>window.hacked = 1</script>")
    assert nonces(send(page, "text/html")[1]) == []


def test_a_script_with_a_nonce_of_its_own_keeps_it() -> None:
    page = rendered('<script type="module" nonce="mine">a</script><scripture>')
    assert nonces(page) == ["mine"]


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain"])
def test_other_answers_stay_as_they_are(content_type: str) -> None:
    page = rendered("<script>a</script>")
    headers, body = send(page, content_type, "default-src 'none'")
    assert body == page
    assert headers[csp.HEADER] == "default-src 'none'"
    assert headers["Etag"] == '"1"'


def test_a_page_is_never_paired_with_the_nonce_of_another() -> None:
    headers, _ = send(rendered("<script>a</script>"), "text/html")
    assert "Etag" not in headers


def test_the_policy_of_an_administrator_wins() -> None:
    theirs = "script-src 'none'; Object-Src 'self'; report-uri /r"
    words = csp.policy(theirs, "n").split("; ")
    assert "script-src 'none'" in words
    assert "Object-Src 'self'" in words
    assert "object-src 'none'" not in words
    assert "base-uri 'self'" in words
    assert len(words) == 5


def test_the_policy_of_the_hub_is_completed() -> None:
    words = csp.policy(HUBS_OWN, "n").split("; ")
    assert sorted(words) == sorted(
        [
            "script-src 'self' 'nonce-n'",
            "object-src 'none'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
            "report-uri /hub/security/csp-report",
        ]
    )


@given(st.text())
def test_no_policy_makes_it_fail(existing: str) -> None:
    assert isinstance(csp.policy(existing, "n"), str)


def test_configuring_twice_adds_once_and_keeps_what_was_there() -> None:
    c = Config()
    c.JupyterHub.tornado_settings = {"headers": {"X": "1"}, "transforms": [int]}
    for _ in range(2):
        csp.configure(c)
    settings = dict_value(c.JupyterHub, "tornado_settings")
    assert settings["headers"] == {"X": "1"}
    assert settings["transforms"] == [int, csp.NonceTransform]
    options = dict_value(c.JupyterHub, "jinja_environment_options")
    assert options["extensions"] == [csp.MarkScripts]
