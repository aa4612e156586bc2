"""The class that was written for this suite, with every optional method."""

from __future__ import annotations

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.memory import MemoryWorld

SUBJECT = Subject(
    name="thorough",
    spawner_class="jupyterhub_anywhere.testing.thorough.ThoroughSpawner",
    world=MemoryWorld,
    coverage="full",
    ssl=True,
    settings={"labels": {"from": "class"}, "apply_user_options": {"colour": "colour"}},
    options={"colour": "red"},
    variants={"resumed": {"resume": True}},
    form_fields={"colour": "blue"},
)
