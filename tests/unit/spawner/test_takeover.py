"""Whose options and servers they are."""

from __future__ import annotations

from jupyterhub_anywhere.spawner.takeover import are_foreign


def test_options_without_our_keys_were_another_spawners() -> None:
    assert are_foreign({"image": "lab:1"}, foreign_state=False)
    assert not are_foreign({"profile": "nope"}, foreign_state=False)
    # KubeSpawner has a key of that name.
    assert are_foreign({"profile": "gpu"}, foreign_state=True)
    assert not are_foreign({}, foreign_state=True)
    assert not are_foreign(None, foreign_state=True)
