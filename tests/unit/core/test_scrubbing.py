from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_anywhere.core.scrubbing import MASK, SHORTEST, scrubbed, secrets_of, without

SECRETS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=SHORTEST, max_size=40
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def readable(text: str) -> list[str]:
    """The ways in which somebody may read a text."""
    joined = re.sub(r"[\x00-\x20\x7f]+", "", text)
    return [text, joined, unquote(joined), unquote(unquote(joined))]


def percent(secret: str) -> str:
    return "".join(f"%{byte:02x}" for byte in secret.encode())


@given(SECRETS, TEXTS, TEXTS)
@example("****", "", "")
@example("a***b", "a", "b")
@example("%41%42", "", "")
def test_no_given_secret_survives(secret: str, before: str, after: str) -> None:
    shown = scrubbed(f"{before}{secret}{after}", [secret])
    assert all(secret not in way for way in readable(shown))


@given(SECRETS, TEXTS, st.data())
def test_nor_one_that_is_split_over_lines(secret: str, around: str, data: st.DataObject) -> None:
    breaks = data.draw(st.lists(st.sampled_from(["", "\n", "\r\n", "\n    ", " "]), min_size=41))
    split = "".join(char + gap for char, gap in zip(secret, breaks, strict=False))
    shown = scrubbed(f"{around}{split}{around}", [secret])
    assert all(secret not in way for way in readable(shown))


@given(SECRETS, TEXTS, st.integers(0, 3))
def test_nor_one_that_is_percent_encoded(secret: str, around: str, times: int) -> None:
    for written in (percent(secret), quote(secret, safe="")):
        once_more = written
        for _ in range(times - 1):
            once_more = quote(once_more, safe="")
        shown = scrubbed(f"{around}{once_more}{around}", [secret])
        assert all(secret not in way for way in readable(shown))


def test_nor_one_that_is_both() -> None:
    assert scrubbed("GET /?t=%68%75%6\n e%74er2 HTTP", ["hunter2"]) == f"GET /?t={MASK} HTTP"


@given(st.lists(SECRETS, min_size=1, max_size=4), TEXTS)
def test_several_secrets_that_overlap(secrets: list[str], between: str) -> None:
    shown = without(between.join([*secrets, *reversed(secrets)]), secrets)
    assert all(secret not in shown for secret in secrets)


@given(TEXTS)
def test_it_comes_to_an_end_and_stays_the_same(text: str) -> None:
    assert without(without(text, [text]), [text]) == without(text, [text])


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET /lab?token=abcdefgh&x=1", "abcdefgh"),
        ("Authorization: token 0a1b2c3d4e", "0a1b2c3d4e"),
        ("{'Authorization': 'Bearer abc.def'}", "abc.def"),
        ("curl -H 'authorization: Basic YWxhZGRpbg=='", "YWxhZGRpbg"),
        ("Cookie: session=abcdef; other=1", "abcdef"),
        ("postgresql://hub:hunter2@db:5432/hub", "hunter2"),
        ("https://:hunter2@example.org", "hunter2"),
        ("JUPYTERHUB_API_TOKEN=0123456789", "0123456789"),
        ('{"password": "one two three"}', "two"),
        ("--secret-key=xyzzy", "xyzzy"),
        ("aws_secret_access_key: wJalr/K7MDENG", "K7MDENG"),
        ("id d41d8cd98f00b204e9800998ecf8427e was", "d41d8cd98f00b204e9800998ecf8427e"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIiOiIxIn0"),
        ("key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1 there", "K7MDENG"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret not in scrubbed(text)
    assert MASK in scrubbed(text)


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'jupyterhub_singleuser'",
        '  File "/opt/conda/lib/python3.11/site-packages/jupyter_server/serverapp.py", line 2885',
        "[I 2024-01-01 10:00:00.000 ServerApp] jupyter_server_terminals | extension loaded",
        "exec: jupyterhub-singleuser: not found in sha256:" + "ab" * 32,
        "see https://jupyter-server.readthedocs.io/en/latest/operators/public-server.html",
        "OSError: [Errno 28] No space left on device: '/home/ann/.local/share/jupyter/runtime'",
    ],
)
def test_the_words_that_help_stay(text: str) -> None:
    assert scrubbed(text, ["", "a", "abc"]) == text


def test_the_secrets_of_an_environment() -> None:
    environment = {
        "JUPYTERHUB_API_TOKEN": "token-1",
        "DB_PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "wJalr",
        "DATABASE_URL": "postgresql://hub:s3cret@db/hub",
        "MY_PIN": "12",
        "PATH": "/usr/bin",
        "KEYBOARD": "german",
        "HOME": "/home/ann",
    }
    assert secrets_of(environment) == ["token-1", "hunter2", "wJalr", "s3cret"]
