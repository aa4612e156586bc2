"""What is in the way is named with its cure, before anything is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.prepare.cloud_world import PROJECT
from tests.unit.prepare.prepared import KEY, Site, wished

from jupyterhub_anywhere.prepare.things import PrepareError
from jupyterhub_anywhere.prepare.wish import HubWish, ImageWish, NetworkWish

if TYPE_CHECKING:
    from typing import Any


def problem(site: Site, piece: str) -> str:
    """The one problem of a plan that has a piece; nothing is made with it."""
    [found] = [line for line in site.plan().problems if piece in line]
    with pytest.raises(PrepareError) as caught:
        site.apply()
    assert found in caught.value.message
    assert site.world.calls == []
    return found


@pytest.mark.parametrize(
    ("kind", "name", "flag", "body"),
    [
        ("networks", "jupyterhub-net", "--network", {}),
        ("routers", "jupyterhub-router", "--router", {}),
        ("security_groups", "userserver-secgroup", "--user-group", {"project_id": PROJECT}),
        ("servers", "jupyterhub", "--hub", {"status": "ACTIVE"}),
        ("images", "lab", "--image", {"status": "active"}),
    ],
)
def test_a_name_that_is_there_twice(
    site: Site, kind: str, name: str, flag: str, body: dict[str, Any]
) -> None:
    for _ in range(2 - len(site.world.named(kind, name))):
        site.world.add(kind, name=name, **body)
    line = problem(site, f"with the name {name}")
    assert flag in line
    assert all(each["id"] in line for each in site.world.named(kind, name))


def test_one_of_them_by_its_id(site: Site) -> None:
    first, _ = (site.world.add("networks", name="n", description="") for _ in range(2))
    site.wish = wished(network=NetworkWish(name=first["id"]))
    assert site.lines()["network"] == "="


def test_no_external_network(site: Site) -> None:
    del site.world.things["networks"]
    line = problem(site, "no external network")
    assert "--no-router --no-floating-ip" in line


def test_several_external_networks(site: Site) -> None:
    site.world.add("networks", name="other", **{"router:external": True})
    assert "--external" in problem(site, "2 external networks")
    site.wish = wished(network=NetworkWish(external="other"))
    assert site.plan().problems == []
    site.wish = wished(network=NetworkWish(external="pubic"))
    assert "Did you mean public?" in problem(site, "no external network pubic")


def test_a_router_that_leads_nowhere(site: Site) -> None:
    site.world.add("routers", name="jupyterhub-router", external_gateway_info=None)
    assert "--external-gateway" in problem(site, "has no gateway")


def test_a_role_that_may_only_look(site: Site) -> None:
    site.world.roles = ["reader"]
    assert "role member" in problem(site, "has only reader")


def test_an_application_credential_makes_no_other(site: Site) -> None:
    site.world.restricted = True
    line = problem(site, "may make no other")
    assert "Identity > Application Credentials" in line
    site.wish = replace(site.wish, given=("id", "word"))
    assert site.plan().problems == []


def test_an_unrestricted_one_does(site: Site) -> None:
    site.world.restricted = False
    assert site.plan().problems == []


def test_a_credential_of_that_name_whose_secret_nobody_knows(site: Site) -> None:
    site.world.add("application_credentials", name="jupyterhub-credentials", description="")
    assert "--credential-name" in problem(site, "cannot be read again")


def test_a_key_pair_needs_a_public_key(site: Site) -> None:
    site.wish = wished(public_key="")
    assert "ssh-keygen -t ed25519" in problem(site, "no key pair")


def test_a_key_pair_of_another_key(site: Site) -> None:
    pairs = site.world.things.setdefault("keypairs", {})
    name = "jupyterhub-sysadmin"
    pairs[name] = {"name": name, "public_key": "ssh-ed25519 BBBB", "fingerprint": "x"}
    assert "--key" in problem(site, "another public key")
    pairs[name]["public_key"] = f"{KEY.rsplit(' ', 1)[0]} somebody@else"
    assert site.plan().problems == []


def test_no_such_image(site: Site) -> None:
    site.wish = wished(image=ImageWish(name="mine"), hub=HubWish(image="debian-12"))
    assert "--make-from" in problem(site, "There is no image mine")
    site.wish = wished(image=ImageWish(name="mine", base="debian-13"))
    assert "openstack image list" in problem(site, "There is no image debian-13")


def test_no_such_image_for_the_hub(site: Site) -> None:
    site.wish = wished(hub=HubWish(image="debian-99"))
    assert "--hub-image" in problem(site, "debian-99")


def test_a_machine_of_the_hubs_name_that_is_somebody_elses(site: Site) -> None:
    site.world.add("servers", name="jupyterhub", status="ACTIVE")
    assert "--hub" in problem(site, "did not make")


def test_an_image_that_cannot_be_used_now(site: Site) -> None:
    site.world.named("images", "lab")[0]["status"] = "deactivated"
    assert "--image" in problem(site, "is deactivated, not active")


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"maxTotalInstances": 5, "totalInstancesUsed": 1}, "instances"),
        ({"maxTotalCores": 20, "totalCoresUsed": 4}, "cores"),
        ({"maxTotalRAMSize": 40000}, "memory"),
    ],
)
def test_a_quota_that_does_not_take_the_servers(
    site: Site, limits: dict[str, int], name: str
) -> None:
    site.world.limits = limits
    assert "ask the cloud's operators for at least" in problem(site, f"quota of {name}")
    line = problem(site, "would fit at the same time")
    count = int(line.split()[0])
    site.wish = replace(site.wish, servers=count)
    assert site.plan().problems == []
    site.wish = replace(site.wish, servers=count + 1)
    assert site.plan().problems != []


def test_a_quota_of_the_network_service(site: Site) -> None:
    site.world.quotas = {"floatingip": (2, 2), "security_group": (10, 9), "router": (-1, 4)}
    assert "0 more" not in problem(site, "quota of floating IPs")
    problem(site, "quota of security groups")
    assert not any("routers" in line for line in site.plan().problems)


def test_quotas_that_nobody_tells_are_no_problem(site: Site) -> None:
    site.world.refuse = {("GET", "/limits"): (403, "no"), ("GET", "/quotas"): (404, "no")}
    assert site.plan().problems == []


def test_flavors_against_the_image(site: Site) -> None:
    site.wish = wished(flavors=("m1.tiny",))
    assert "0 of" not in problem(site, "Flavor m1.tiny is too small")
    site.wish = wished(flavors=("m1.smal",))
    assert "Did you mean m1.small?" in problem(site, "no flavor m1.smal")
    site.world.named("images", "lab")[0]["min_disk"] = 100
    site.wish = wished()
    assert "100 GiB of disk" in problem(site, "No flavor fits the image")


def test_the_hub_needs_two_cpus_and_two_gigabytes(site: Site) -> None:
    site.wish = wished(hub=HubWish(flavor="m1.small"))
    assert "1 of 2 vCPU, 1024 of 2048 MiB" in problem(site, "--hub-flavor")
    site.wish = wished()
    assert site.plan().hub_flavor is not None


# --- while it is asked ---------------------------------------------------------------------------


def test_a_login_that_is_not_accepted(site: Site) -> None:
    site.world.token = 401
    with pytest.raises(PrepareError, match="does not accept this login") as caught:
        site.plan()
    assert "has expired" in caught.value.hint


def test_a_right_that_is_missing(site: Site) -> None:
    text = "rule:create_router is disallowed by policy"
    site.world.refuse["POST", "/routers"] = (403, text)
    with pytest.raises(PrepareError, match="may not make the router jupyterhub-router") as caught:
        site.apply()
    assert "role member" in caught.value.hint
    assert "create_router" in caught.value.hint
    site.world.refuse.clear()
    site.apply()


@pytest.mark.parametrize(("status", "path"), [(409, "/networks"), (403, "/servers")])
def test_a_quota_that_is_exhausted_meanwhile(site: Site, status: int, path: str) -> None:
    site.world.refuse["POST", path] = (status, "Quota exceeded for resources")
    with pytest.raises(PrepareError, match="a quota is exhausted") as caught:
        site.apply()
    assert "operators" in caught.value.hint


def test_a_cloud_that_fails(site: Site) -> None:
    site.world.refuse["GET", "/security-groups"] = (500, "database gone")
    with pytest.raises(PrepareError, match=r"failed with 500: .*database gone"):
        site.plan()


def test_a_region_that_has_no_such_service(site: Site) -> None:
    site.world.region = "R2"
    with pytest.raises(PrepareError, match="no such service") as caught:
        site.plan()
    assert "region_name" in caught.value.hint


def test_a_record_of_something_else(site: Site) -> None:
    site.path.write_text('{"version": 99}')
    with pytest.raises(Exception, match="is no record of a preparation"):
        site.plan()
    site.path.write_text("{")
    with pytest.raises(Exception, match="it is no json"):
        site.plan()
