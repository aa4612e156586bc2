"""A configuration with every type of option, and people who see different parts of it."""

from __future__ import annotations

from typing import Any, Final

from jupyterhub_anywhere.catalog.choice import Who
from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.config.models import Config

ANN: Final = Who("ann")
GUS: Final = Who("gus", frozenset({"gpu", "staff"}))

SAMPLE: Final[dict[str, Any]] = {
    "targets": {
        "here": {"kind": "process", "title": "This machine"},
        "lab": {"kind": "process", "description": "In the cellar."},
    },
    "profiles": {
        "python": {
            "title": "Python",
            "description": "JupyterLab and friends.",
            "targets": ["here", "lab"],
            "sets": {"environment": {"A": "profile", "B": "profile"}, "debug": True},
            "sets_for": {"lab": {"environment": {"B": "lab"}}},
            "options": {
                "memory": {
                    "type": "memory",
                    "title": "Memory",
                    "default": "1G",
                    "min": "512M",
                    "max": "4G",
                    "sets": {"mem_limit": "{value}"},
                },
                "cpu": {"type": "cpu", "default": 1, "max": 8, "sets": {"cpu_limit": "{value}"}},
                "workers": {"type": "integer", "default": 2, "min": 1, "max": 8},
                "scale": {"type": "number", "default": 1.5, "min": 0},
                "debug": {"type": "boolean", "default": False},
                "note": {"type": "text", "pattern": "[a-z ]*", "max_length": 20},
                "image": {
                    "type": "choice",
                    "targets": ["lab"],
                    "choices": {
                        "slim": {"title": "Slim", "sets": {"image": "img:1"}},
                        "full": {"title": "Full", "description": "All of it."},
                        "cuda": {"access": {"groups": ["gpu"]}},
                    },
                },
                "gpus": {
                    "type": "integer",
                    "default": 0,
                    "max": 4,
                    "access": {"groups": ["gpu"]},
                    "sets": {"gpus": "{value}"},
                },
            },
        },
        "secret": {"targets": ["lab"], "access": {"users": ["eve"], "groups": ["staff"]}},
        "plain": {"targets": ["here"]},
    },
}


def catalog(**changes: Any) -> Catalog:
    """The sample, with other top-level sections where given."""
    return Catalog(Config.model_validate(SAMPLE | changes), {"here": ["No limits here."]})


def one_option(**option: Any) -> Catalog:
    """One profile ``p`` at one target with one option ``x``."""
    return Catalog(
        Config.model_validate({"profiles": {"p": {"targets": ["here"], "options": {"x": option}}}})
    )
