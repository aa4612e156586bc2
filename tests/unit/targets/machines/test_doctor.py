"""What `anywhere doctor` tells of profiles at a cloud, from their file on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.hub import doctor
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.spawner.site import load_site
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = """
targets:
  nova:
    kind: cloud
    driver: openstack
    internal_url: https://hub.example.org
    user: credential-1
    key: {key}
    auth_url: {url}/identity
    options:
      ex_force_auth_version: 3.x_appcred
    spawner:
      size: small
profiles:
  narrow:
    targets: [nova]
    sets: {{image: big}}
  ample:
    targets: [nova]
    sets: {{image: big, size: ample}}
  volume:
    targets: [nova]
    sets: {{image: big, boot_volume: 20}}
  either:
    targets: [nova]
    options:
      machine:
        type: choice
        choices:
          little: {{sets: {{image: debian, size: small}}}}
          much: {{sets: {{image: big, size: ample}}}}
"""


@pytest.fixture
def world() -> Iterator[OpenStackWorld]:
    with OpenStackWorld() as made:
        made.cloud.add_image("big", min_ram=2048)
        made.cloud.add_flavor("ample", ram=4096)
        yield made


async def found(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "anywhere.yaml"
    file.write_text(text)
    paths = open_state(tmp_path / "state")
    site = load_site(file, state_root=paths.root)
    told: Any = await doctor.of_profiles(site)
    await site.targets["nova"].place.close()  # type: ignore[attr-defined] # a cloud
    return {each.subject: each.message for each in told if each.level is Level.ERROR}


async def test_a_profile_whose_size_is_too_small(world: OpenStackWorld, tmp_path: Path) -> None:
    text = FILE.format(key=world.cloud.secret, url=world.url)
    assert await found(tmp_path, text) == {
        "target nova: size small": "too small for the image big: 1024 of 2048 MiB memory"
    }
