"""DockerSpawner, bare and behind a target of kind ``docker``."""

from __future__ import annotations

from jupyterhub_anywhere.testing.world import Subject
from jupyterhub_anywhere.testing.worlds.docker import OTHER, PULLED, SERVER, DockerWorld

SUBJECT = Subject(
    name="docker",
    spawner_class="dockerspawner.DockerSpawner",
    world=DockerWorld,
    target_kind="docker",
    coverage="full",
    ssl=True,
    settings={
        # Not there at first.
        "image": PULLED.name,
        "allowed_images": {"small": PULLED.name, "big": OTHER.name, "plain": SERVER.name},
        "volumes": {"home-of-{username}": "/home/jovyan/work"},
        "read_only_volumes": {"/srv/data": "/data"},
        "mounts": [{"source": "{username}-cache", "target": "/cache", "type": "volume"}],
        "mem_limit": "1G",
        "cpu_limit": 1.5,
        "extra_create_kwargs": {"hostname": "lab-of-{username}", "labels": {"site": "lab"}},
        "extra_host_config": {"shm_size": "64M"},
        "post_start_cmd": "echo started",
        # Names of containers are known inside of Docker's own network only.
        "use_internal_hostname": False,
    },
    variants={"removed": {"remove": True}},
    options={"image": "big"},
    form_fields={"image": "big"},
)
