"""The hub begins without jsonschema's parsers, and has them as soon as they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHECK = """
import sys
from jupyterhub_anywhere.core.quick import import_jsonschema

{before}
import_jsonschema()
print("jsonschema" in sys.modules, "rfc3987_syntax" in sys.modules, "lark" in sys.modules)
import jsonschema
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
schema = {{"type": "string", "format": "{format}"}}
validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
texts = ("https://b\u00fccher.example/\u00fc", "no address", 7)
print([validator.is_valid(each) for each in texts])
import rfc3987_syntax
print(rfc3987_syntax.is_valid_syntax_port("80"), "{format}" in checker.checkers)
"""


def told(format_: str, before: str = "") -> list[str]:
    command = [sys.executable, "-c", CHECK.format(format=format_, before=before)]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    return answer.stdout.splitlines()


@pytest.mark.parametrize(
    ("format_", "valid"),
    [("iri", "[True, False, False]"), ("iri-reference", "[True, False, False]")],
)
def test_addresses_are_checked_as_ever_and_parsers_built_when_they_are(
    format_: str, valid: str
) -> None:
    assert told(format_) == ["True False False", valid, "True True"]


def test_what_was_imported_before_stays() -> None:
    assert told("iri", "import jsonschema") == [
        "True True True",
        "[True, False, False]",
        "True True",
    ]


def test_where_no_parser_is_installed_none_is_promised() -> None:
    hidden = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "rfc3987_syntax" else real(name)
"""
    assert told("iri", hidden)[0] == "False False False"


def test_the_hub_of_up_begins_without_them_and_looks_through_no_module_again() -> None:
    words = """
import gc, sys
from jupyterhub_anywhere.cli.up import import_hub
import_hub()
print("jupyterhub.app" in sys.modules, "rfc3987_syntax" in sys.modules)
print(gc.isenabled(), len(gc.get_objects()) < gc.get_freeze_count() / 10)
"""
    answer = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, check=True, text=True
    )
    assert answer.stdout == "True False\nTrue True\n"
