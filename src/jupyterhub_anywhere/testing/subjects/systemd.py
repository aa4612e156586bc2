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
    # The spawner does not look at how systemd-run ended: a start that failed takes all this time.
    # A hub that is started again waits as long for one that it does not reach.
    settings={"start_timeout": 6, "http_timeout": 8},
    user=pwd.getpwuid(os.geteuid()).pw_name,
    not_applicable={"R24": "a machine has one systemd, and the spawner talks to no other"},
)
