"""The templates that upstream ships are here, under their names, and hold no token."""

from __future__ import annotations

import pytest
import yaml

from jupyterhub_anywhere.importers.libcloud_site import INSTALLING, SHIPPED_MODULE
from jupyterhub_anywhere.targets.machines import configure


@pytest.mark.parametrize("name", INSTALLING)
def test_they_are_cloud_config_that_installs_what_upstream_installs(name: str) -> None:
    text = configure.render("", SHIPPED_MODULE, name, {"user": "ann"})
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert {"python3-pip", "python3-numpy", "python3-matplotlib"} <= set(document["packages"])
    for word in ("token", "TOKEN", "jhub_env", "JUPYTERHUB"):
        assert word not in text


def test_the_mirror_is_upstreams_unless_another_one_is_named() -> None:
    name = INSTALLING[1]
    assert "fr.archive.ubuntu.com" in configure.render("", SHIPPED_MODULE, name, {})
    other = configure.render("", SHIPPED_MODULE, name, {"mirror": "http://mirror/x"})
    assert yaml.safe_load(other)["apt"]["primary"][0]["uri"] == "http://mirror/x"
