"""Trait values from a file, checked against the class they are meant for.

Nothing is constructed but a shim that carries a copy of the one trait: DockerSpawner and
KubeSpawner cannot be built without a user and a running loop. Validators that look at several
traits of the real class are therefore not run here.
"""

from __future__ import annotations

import copy
import re
import warnings
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits, TraitError, Union

from jupyterhub_anywhere.core.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traitlets import TraitType


def settable(cls: type[HasTraits]) -> dict[str, TraitType[Any, Any]]:
    """The traits of a class that a configuration may set."""
    return dict(cls.class_traits(config=True))


def check_trait(cls: type[HasTraits], name: str, value: Any) -> tuple[str, str] | None:
    """Check one value.

    Args:
        cls: The spawner class.
        name: A trait's name.
        value: The value as the file has it.

    Returns:
        None when the class takes it, else what is wrong and a hint.
    """
    traits = settable(cls)
    trait = traits.get(name)
    if trait is None:
        return f"{_known(cls)} has no trait {name!r}.", did_you_mean(name, traits)
    help_text = " ".join(str(getattr(trait, "help", "") or "").split())
    if help_text.upper().startswith("DEPRECATED"):
        return f"the trait {name!r} of {_known(cls)} is deprecated.", help_text[:200]
    reason = _refusal(trait, name, value)
    if reason is None:
        return None
    # A validator of the class's own says itself what it wants.
    hint = _wants(trait) if reason.startswith("expected") else ""
    return f"{_known(cls)} does not take this value: {reason.rstrip('.')}.", hint


def _known(cls: type) -> str:
    """The name that people know: of the class that one of ours, ``Anywhere…``, stands in for."""
    name = cls.__name__.removeprefix("Anywhere")
    return name if any(each.__name__ == name for each in cls.__mro__) else cls.__name__


def _refusal(trait: TraitType[Any, Any], name: str, value: Any) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shim_class = type("Shim", (HasTraits,), {name: copy.deepcopy(trait)})
        try:
            setattr(shim_class(), name, copy.deepcopy(value))
        except TraitError as error:
            # traitlets names its own shim and quotes the value, which may be a secret.
            found = re.search(r"expected (.+?), not (?:the )?(\w+)", str(error))
            if found is not None:
                return f"expected {found[1]}, not {_type_name(value)}"
            return str(error).replace(repr(value), "it").replace(str(value), "it")
        except Exception as error:  # noqa: BLE001 - a validator of a foreign class
            return f"{type(error).__name__} in its validator"
    return None


def _type_name(value: Any) -> str:
    names = {
        str: "text",
        dict: "a mapping",
        list: "a list",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _wants(trait: TraitType[Any, Any]) -> str:
    if isinstance(trait, Union):
        return "Allowed: " + " or ".join(part.info() for part in trait.trait_types) + "."
    return f"Allowed: {trait.info()}."


def apply_settings(spawner: HasTraits, settings: Mapping[str, Any]) -> None:
    """Set a choice's values on a spawner; a dict is merged into the dict that is there.

    This is what JupyterHub's own ``group_overrides`` does.

    Raises:
        TraitError: The spawner does not take a value.
        AttributeError: The spawner has no such trait; the text is its name.
    """
    for name, value in settings.items():
        if not spawner.has_trait(name):
            raise AttributeError(name)
        old = getattr(spawner, name)
        if isinstance(value, dict) and isinstance(old, dict):
            setattr(spawner, name, _merged(old, value))
        else:
            setattr(spawner, name, copy.deepcopy(value))


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        else:
            result[key] = copy.deepcopy(value)
    return result
