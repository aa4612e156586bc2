"""SystemdSpawner. Its units run as an account of its user's name, and a user has one of them."""

from __future__ import annotations

import os
import pwd

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.systemd import SystemdWorld

SUBJECT = Subject(
    name="systemd",
    spawner_class="systemdspawner.SystemdSpawner",
    world=SystemdWorld,
    named_servers=False,
    user=pwd.getpwuid(os.geteuid()).pw_name,
)
