"""LocalProcessSpawner, JupyterHub's default. Its one user is the account that runs the suite."""

from __future__ import annotations

import os
import pwd

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.local import LocalWorld

SUBJECT = Subject(
    name="local",
    spawner_class="jupyterhub.spawner.LocalProcessSpawner",
    world=LocalWorld,
    user=pwd.getpwuid(os.geteuid()).pw_name,
)
