"""Options of a start, as form and API of LibcloudSpawner take them, as a choice. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.compat.alphabet import check_argv, check_env, check_form, shown
from jupyterhub_anywhere.core.errors import ChoiceError
from jupyterhub_anywhere.importers.libcloud_site import PROFILE, TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.config.models import Config

IMAGES: Final = ("userserver_image", "machineimage")
SIZES: Final = ("userserver_size", "machinesize")
FORM: Final = "user_options_from_form"
_MORE: Final = ("env", "argv")
OLD_KEYS: Final = frozenset({*IMAGES, *SIZES, *_MORE, FORM})
_OUR_KEYS: Final = frozenset({"profile", "target", "options", "child"})
_CHILD_KEYS: Final = frozenset({*_MORE, FORM})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the old options may say on this hub.

    Attributes:
        image: The name of the option of the image.
        size: The name of the option of the size.
        env: Patterns of the variables that a user may set by API.
        argv: Patterns of the arguments that a user may give by API.
        form: Whether templates are the administrator's own, and get the fields of the form.
    """

    image: str = IMAGES[0]
    size: str = SIZES[0]
    env: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    form: bool = False

    @property
    def child(self) -> bool:
        """Whether a choice has more than image and size."""
        return bool(self.form or self.env or self.argv)


class OldCatalog(Catalog):
    """The catalog of a hub whose users go on to send the old options.

    Args:
        config: The declared site.
        rules: What the old options may say.
        notes: As in `Catalog`.
    """

    def __init__(
        self,
        config: Config,
        rules: Rules,
        notes: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        super().__init__(config, notes)
        self.rules = rules

    def resolve(self, raw: object, who: Who, *, last: object | None = None) -> Choice:
        """As `Catalog.resolve`, of either writing.

        Raises:
            ChoiceError: With one text for each field that is wrong.
        """
        if is_old(raw):
            raw = to_choice(raw, self.rules)
        choice = super().resolve(raw, who, last=last)
        if choice.child is not None:
            check_child(choice.child, self.rules)
        return choice


def is_old(raw: object) -> bool:
    """Whether options are in the old writing."""
    return isinstance(raw, dict) and bool(OLD_KEYS & raw.keys()) and not _OUR_KEYS & raw.keys()


def to_choice(raw: Any, rules: Rules) -> dict[str, Any]:
    """Old options as a raw choice.

    Image and size are taken by their names of either generation. Where the form is the
    administrator's own, all that is left are its fields.

    Raises:
        ChoiceError: Something is there that nobody knows.
    """
    options = {
        name: raw[key]
        for name, keys in ((rules.image, IMAGES), (rules.size, SIZES))
        for key in keys
        if key in raw
    }
    rest = {key: value for key, value in raw.items() if key not in (*IMAGES, *SIZES, *_MORE, FORM)}
    fields = raw.get(FORM)
    if rest and not rules.form:
        name = next(iter(rest))
        known = ", ".join((rules.image, rules.size, *_MORE))
        raise ChoiceError({"": f"{shown(str(name))} is no option. Known are {known}."})
    child: dict[str, Any] = {key: raw[key] for key in _MORE if key in raw}
    if rules.form:
        sent = fields if isinstance(fields, dict) else {}
        if fields is not None and not isinstance(fields, dict):
            raise ChoiceError({FORM: "The fields of the form are an object: name to texts."})
        child[FORM] = {**_names(options, rules), **rest, **sent}
    elif fields:
        raise ChoiceError({FORM: "This hub's form has no fields of its own."})
    choice: dict[str, Any] = {"profile": PROFILE, "target": TARGET, "options": options}
    if child:
        check_child(child, rules)
        choice["child"] = child
    return choice


def _names(options: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """Image and size as fields of the form: templates of upstream's users got all of it."""
    return {name: options[name] for name in (rules.image, rules.size) if name in options}


def from_form(form: Mapping[str, Sequence[Any]], rules: Rules) -> dict[str, Any] | None:
    """What a form of the old kind has sent, in the old writing; None where it is our own menu.

    Files are left out, and so is what belongs to the hub.
    """
    texts = {
        name: [each for each in values if isinstance(each, str)]
        for name, values in form.items()
        if not name.startswith("_")
    }
    if any(":" in name for name in texts) or not ({*IMAGES, *SIZES} & texts.keys() or rules.form):
        return None
    old: dict[str, Any] = {name: texts[name][-1] for name in (*IMAGES, *SIZES) if texts.get(name)}
    if rules.form:
        old[FORM] = {name: values for name, values in texts.items() if values}
    elif not old:
        return None
    # Nobody chooses variables or arguments by a form.
    return old


def check_child(child: Mapping[str, Any], rules: Rules) -> None:
    """Refuse what is beside image and size and may not be.

    Raises:
        ChoiceError: With one text for each field that is wrong.
    """
    for key in child:
        if key not in _CHILD_KEYS:
            raise ChoiceError({"child": f"{shown(str(key))} is none of env and argv."})
    if "env" in child:
        check_env(child["env"], rules.env)
    if "argv" in child:
        check_argv(child["argv"], rules.argv)
    if FORM in child:
        check_form(child[FORM])
