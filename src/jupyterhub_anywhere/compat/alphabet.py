"""What may be pasted into a template that quotes nothing. Pure.

Templates of LibcloudSpawner's users paste values into shell scripts that run as root, into YAML and
into systemd units. To quote them here would change what ordinary values become there, so values
that could mean more than themselves are refused.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import ChoiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Of a user's: one word in any shell, one plain scalar in YAML, one word of a systemd unit.
_WORD: Final = re.compile(r"(?!-)[\w.,:/@+=-]*(?<!:)")
_ARGUMENT: Final = re.compile(r"[\w.,:/@+=~-]*")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Of the hub's and the administrator's: no line of their own, nothing that a shell replaces.
_REPLACED: Final = re.compile(r"[$`\\]|[^ -~\u00a0-\ud7ff\ue000-\U0010ffff]")
# What the hub itself says to a server: nobody else does.
_HUBS_OWN: Final = re.compile(r"(JUPYTERHUB_|JPY_|JUPYTER_SERVER_)\w*", re.IGNORECASE)
_WORDS: Final = "letters, digits and . , : / @ + = - _"
MAX_FIELDS: Final = 64
MAX_BYTES: Final = 8 * 1024
_MAX_ENTRIES: Final = 64
_SHOWN: Final = 40


def shown(text: str) -> str:
    """A text from outside, for a message."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def check_account(name: str) -> None:
    """Refuse a name that is no account, or more than a name in a script.

    Raises:
        ChoiceError: With the next step for its administrator.
    """
    if name == "root" or not _ACCOUNT.fullmatch(name):
        raise ChoiceError(
            {
                "": f"The account {shown(name)} cannot stand in the template of this hub's machines"
                " (letters, digits and . _ @ + -, and not root). Please tell its administrator,"
                " who can set forceuser."
            }
        )


def check_names(user: str, server: str) -> None:
    """Refuse names of a user and a server that are more than words: variables have them in them.

    Raises:
        ChoiceError: One is.
    """
    for what, name in (("user", user), ("server", server)):
        if not _WORD.fullmatch(name):
            text = (
                f"The name of the {what} {shown(name)} cannot stand in the template of this hub's"
            )
            raise ChoiceError({"": f"{text} machines: it takes {_WORDS}."})


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse variables of hub and administrator that mean more than themselves in a script.

    Raises:
        ChoiceError: Names the variable, never its value.
    """
    for name, value in environment.items():
        wrong = "its name is no name of a variable" if not _NAME.fullmatch(name) else ""
        if not wrong and _REPLACED.search(value):
            wrong = "its value has a $, a `, a \\, a line break or another control character"
        if wrong:
            raise ChoiceError(
                {
                    "": f"The variable {shown(name)} cannot stand in the template of this hub's"
                    f" machines: {wrong}. Please tell the administrator of this hub."
                }
            )


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments of the administrator's that mean more than themselves in a script.

    Raises:
        ChoiceError: One does.
    """
    for each in arguments:
        if _REPLACED.search(each):
            raise ChoiceError(
                {
                    "": f"The argument {shown(each)} cannot stand in the template of this hub's"
                    " machines: it has a $, a `, a \\ or a line break. Please tell its"
                    " administrator."
                }
            )


def check_form(fields: object) -> dict[str, list[str]]:
    """The fields of a form, as templates get them: name to the texts sent.

    Args:
        fields: As they came; a text stands for a list of it.

    Returns:
        Plain lists of texts.

    Raises:
        ChoiceError: There is too much, or something in it is more than a word.
    """
    if not isinstance(fields, dict):
        raise ChoiceError({"child": "The fields of the form are an object: name to texts."})
    if len(fields) > MAX_FIELDS:
        raise ChoiceError({"child": f"A form has at most {MAX_FIELDS} fields."}, status=413)
    found: dict[str, list[str]] = {}
    for name, value in fields.items():
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
            raise ChoiceError({f"child.{_cut(name)}": f"{shown(name)} takes texts."})
        if not _NAME.fullmatch(name):
            raise ChoiceError({"child": f"{shown(name)} is no name of a field."})
        for each in texts:
            if not _WORD.fullmatch(each):
                text = f"{shown(name)} takes {_WORDS}, without blanks, and no - in front."
                raise ChoiceError({f"child.{_cut(name)}": text})
        found[name] = list(texts)
    if len(json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ChoiceError({"child": f"A form has at most {MAX_BYTES // 1024} KiB."}, status=413)
    return found


def check_env(given: object, allowed: Sequence[str]) -> dict[str, str]:
    """Variables that a user asks for, by API.

    Args:
        given: As they came.
        allowed: Patterns of the names that a user may set, with ``*``.

    Raises:
        ChoiceError: One may not be set, or is no word.
    """
    if not isinstance(given, dict) or len(given) > _MAX_ENTRIES:
        raise ChoiceError({"env": f"env is an object of at most {_MAX_ENTRIES} variables."})
    for name, value in given.items():
        if not _NAME.fullmatch(name) or _HUBS_OWN.fullmatch(name) or not _fits(name, allowed):
            text = f"{shown(name)} is none of the variables that may be set: {_listed(allowed)}"
            raise ChoiceError({f"env.{_cut(name)}": text})
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise ChoiceError({f"env.{_cut(name)}": f"{shown(name)} takes {_WORDS}."})
    return dict(given)


def check_argv(given: object, allowed: Sequence[str]) -> list[str]:
    """Arguments that a user asks for, by API; as `check_env`.

    Raises:
        ChoiceError: One may not be given, or is no word.
    """
    if not isinstance(given, list) or len(given) > _MAX_ENTRIES:
        raise ChoiceError({"argv": f"argv is a list of at most {_MAX_ENTRIES} texts."})
    for each in given:
        if not isinstance(each, str) or not _ARGUMENT.fullmatch(each):
            raise ChoiceError({"argv": f"Each of argv takes {_WORDS} and ~."})
        if not _fits(each, allowed):
            text = f"{shown(each)} is none of the arguments that may be given: {_listed(allowed)}"
            raise ChoiceError({"argv": text})
    return list(given)


def _fits(text: str, allowed: Sequence[str]) -> bool:
    return any(_pattern(each).fullmatch(text) for each in allowed)


def _pattern(allowed: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in allowed.split("*")))


def _listed(allowed: Sequence[str]) -> str:
    return f"{', '.join(allowed)}." if allowed else "there are none on this hub."


def _cut(name: Any) -> str:
    return str(name)[:_SHOWN]
