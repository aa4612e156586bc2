"""SwarmSpawner.

It has no internal_ssl that works: it mounts the volume with the certificates as if it were a folder
of the node, which the swarm rejects.
"""

from __future__ import annotations

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.docker import OTHER, SERVER
from jupyterhub_anywhere.testing.worlds.swarm import SwarmWorld

SUBJECT = Subject(
    name="swarm",
    spawner_class="dockerspawner.SwarmSpawner",
    world=SwarmWorld,
    settings={
        "allowed_images": {"small": SERVER.name, "big": OTHER.name},
        "volumes": {"/srv/homes/{username}": "/home/jovyan/work"},
        "mem_limit": "1G",
        "mem_guarantee": "512M",
        "cpu_limit": 1.5,
        "extra_container_spec": {"workdir": "/home/jovyan"},
        "extra_placement_spec": {"constraints": ["node.role == worker"]},
        # A hub that starts waits so long for a service that has not told its port yet.
        "http_timeout": 5,
    },
    options={"image": "big"},
    form_fields={"image": "big"},
)
