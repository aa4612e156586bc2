"""Templates of LibcloudSpawner's users: found where it finds them, rendered as it renders them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, TemplateError, TemplateNotFound

from jupyterhub_anywhere.compat.alphabet import (
    check_account,
    check_arguments,
    check_environment,
)
from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORM: Final = "options_form.html.j2"


@dataclass(frozen=True, slots=True)
class Values:
    """What a user-data template gets.

    Attributes:
        user: The account on the machine.
        environment: The server's variables.
        arguments: The server's arguments.
        form: What the form sent, by field; None where none was.
        token: The server's API token.
        cookie_name: As the first generation had it.
        base_url: The path of the server.
        hub_prefix: The path of the hub.
        api_url: The hub's API as the machine reaches it.
    """

    user: str
    environment: Mapping[str, str]
    arguments: Sequence[str] = ()
    form: Mapping[str, Sequence[str]] | None = None
    token: str = field(default="", repr=False)
    cookie_name: str = ""
    base_url: str = ""
    hub_prefix: str = ""
    api_url: str = ""

    def plain(self) -> dict[str, Any]:
        """The variables of both generations, by name.

        Raises:
            ChoiceError: A value would mean more than itself.
        """
        check_account(self.user)
        check_environment(self.environment)
        check_arguments(self.arguments)
        form = self.form
        return {
            "jhub_env": dict(self.environment),
            "user": self.user,
            "notebookargs": " ".join(self.arguments),
            "user_options_from_form": None
            if form is None
            else {k: list(v) for k, v in form.items()},
            "apitoken": self.token,
            "cookiename": self.cookie_name,
            "baseurl": self.base_url,
            "hubprefix": self.hub_prefix,
            "apiurl": self.api_url,
        }


def _environment(module: str) -> Environment:
    """The environment that upstream makes: Jinja2's defaults, so that not one byte differs.

    Raises:
        TargetError: There is no such module, or it has no templates.
    """
    try:
        # Its templates are scripts: nothing is escaped, values are checked instead.
        return Environment(loader=PackageLoader(module, "data"))  # noqa: S701
    except (ImportError, ValueError) as error:
        raise TargetError(
            f"The templates of LibcloudSpawner.userdata_template_module = {module!r} are not there:"
            f" {error}.",
            hint="It is a Python package on the hub's PYTHONPATH with a folder data/.",
        ) from error


def check(module: str, name: str) -> bool:
    """Make sure that a module has a user-data template that can be read.

    Returns:
        Whether it has a form of its own as well.

    Raises:
        TargetError: It has none, or one that is no template.
    """
    found = _environment(module)
    try:
        found.get_template(name)
        if FORM not in found.list_templates():
            return False
        found.get_template(FORM)
    except TemplateNotFound as error:
        names = ", ".join(sorted(set(found.list_templates()) - {FORM})) or "none"
        raise TargetError(
            f"{module}/data has no template {name!r}.",
            hint=f"Set LibcloudSpawner.userdata_template_name to one of those there: {names}.",
        ) from error
    except (TemplateError, UnicodeDecodeError) as error:
        raise TargetError(f"{module}/data: {error}", hint="Correct the template.") from error
    return True


def render(module: str, name: str, values: Values) -> str:
    """Render a user-data template.

    Raises:
        TargetError: It is not there, or cannot be rendered.
        ChoiceError: A value would mean more than itself there.
    """
    plain = values.plain()
    return _render(module, name, plain)


def render_form(
    module: str, images: Sequence[tuple[str, str]], sizes: Sequence[tuple[str, str]]
) -> str:
    """Render a module's own form, with the variables of both generations.

    Raises:
        TargetError: It is not there, or cannot be rendered.
    """
    pairs = {"images": list(images), "sizes": list(sizes)}
    names = {f"{old}_{name}": pairs[name] for old in ("userserver", "machine") for name in pairs}
    return _render(module, FORM, names)


def _render(module: str, name: str, values: Mapping[str, Any]) -> str:
    try:
        return _environment(module).get_template(name).render(values)
    except TargetError:
        raise
    except Exception as error:
        # Not its text: a template's error may show a value.
        line = getattr(error, "lineno", "")
        where = f"{module}/data/{name}" + (f", line {line}" if line else "")
        raise TargetError(
            f"The template {where} cannot be rendered: {type(error).__name__}.",
            hint="Correct the template.",
        ) from error
