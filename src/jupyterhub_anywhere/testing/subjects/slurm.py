"""SlurmSpawner of the package batchspawner. It asks for an account of its user's name."""

from __future__ import annotations

import os
import pwd

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.slurm import SlurmWorld

SUBJECT = Subject(
    name="slurm",
    spawner_class="batchspawner.SlurmSpawner",
    world=SlurmWorld,
    user=pwd.getpwuid(os.geteuid()).pw_name,
)
