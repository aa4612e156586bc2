"""Applying and undoing, against a small OpenStack: whole, again, cut anywhere, with faults."""

from __future__ import annotations

import base64
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.prepare.cloud_world import GOOD, World
from tests.unit.prepare.prepared import Site, wished

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.prepare.things import PrepareError
from jupyterhub_anywhere.prepare.wish import GroupsWish, HubWish, ImageWish, NetworkWish

if TYPE_CHECKING:
    from pathlib import Path

MADE = {
    "application_credentials": 1,
    "networks": 1,
    "subnets": 1,
    "routers": 1,
    "ports": 2,
    "security_groups": 2,
    # Two that Neutron makes with each group, and ours.
    "security_group_rules": 9,
    "keypairs": 1,
    "floatingips": 1,
    "servers": 1,
}


def made(site: Site, before: dict[str, int]) -> dict[str, int]:
    """What is there and was not."""
    now = site.world.count()
    more = {kind: count - before.get(kind, 0) for kind, count in now.items()}
    return {kind: count for kind, count in more.items() if count}


def test_everything_is_made_once_and_all_of_it_is_removed_again(site: Site) -> None:
    before = site.world.count()
    site.apply()
    assert made(site, before) == MADE
    calls = len(site.world.calls)
    site.apply()
    assert [call for call in site.world.calls[calls:] if not call[1].endswith("/action")] == []
    assert not site.plan().changes
    assert site.undo() == []
    assert site.world.count() == before
    assert not site.path.exists()


def test_the_machine_of_the_hub_is_told_its_addresses_and_no_secret(site: Site) -> None:
    known = site.apply()
    [server] = site.world.all("servers")
    script = base64.b64decode(server["user_data"]).decode()
    assert server["networks"] == [{"port": known.id("hub-port")}]
    assert site.record.secret
    assert site.record.secret not in script
    assert "PRIVATE KEY" not in script
    [port] = [each for each in site.world.all("ports") if each["name"] == "jupyterhub-port"]
    assert site.world.all("floatingips")[0]["port_id"] == port["id"]


def test_the_credential_is_restricted_and_ends(site: Site) -> None:
    site.apply()
    [credential] = site.world.all("application_credentials")
    assert credential["unrestricted"] is False
    assert credential["roles"] == [{"name": "member"}]
    assert credential["expires_at"].startswith("2027-11-29T12:00:00")


def test_the_record_is_for_its_owner_only(site: Site) -> None:
    site.apply()
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600


def test_the_image_is_booted_once_and_not_again(site: Site) -> None:
    site.apply()
    boots = [call for call in site.world.calls if call == ("POST", "/compute/v2.1/servers")]
    assert len(boots) == 2  # the trial and the hub
    assert "ok: image lab: jupyterhub-singleuser 6.1.0" in site.said
    assert site.lines()["trial"] == "="


def test_what_was_there_is_used_and_stays(site: Site) -> None:
    world = site.world
    network = world.add("networks", name="jupyterhub-net", description="ours")
    subnet = world.add(
        "subnets",
        name="s",
        network_id=network["id"],
        cidr="10.1.0.0/24",
        dns_nameservers=["1.1.1.1"],
    )
    public = world.named("networks", "public")[0]
    router = world.add("routers", name="r", external_gateway_info={"network_id": public["id"]})
    world.interface(router["id"], "add_router_interface", subnet["id"])
    group = world.net_make("security_groups", {"name": "jupyterhub-secgroup", "description": ""})
    before = world.count()
    signs = site.lines()
    for key in ("network", "subnet", "router", "interface", "group:jupyterhub-secgroup"):
        assert signs[key] == "=", key
    site.apply()
    rules = [r for r in world.all("security_group_rules") if r["security_group_id"] == group["id"]]
    assert len(rules) == 2 + 4
    assert site.undo() == []
    assert world.count() == before


def test_rules_of_others_are_shown_and_stay(site: Site) -> None:
    group = site.world.net_make(
        "security_groups", {"name": "userserver-secgroup", "description": ""}
    )
    rule = {"direction": "ingress", "ethertype": "IPv4", "security_group_id": group["id"]}
    own = site.world.add("security_group_rules", **rule, remote_group_id=group["id"])
    [step] = [step for step in site.plan().steps if step.key == f"other:{own['id']}"]
    assert step.do.value == "!"
    assert step.why == "users' servers reach each other by it"
    site.apply()
    assert site.undo() == []
    assert own["id"] in site.world.things["security_group_rules"]


def test_one_group_for_both(site: Site) -> None:
    site.wish = wished(groups=GroupsWish(single=True))
    known = site.apply()
    [group] = site.world.all("security_groups")
    own = [r for r in site.world.all("security_group_rules") if r.get("remote_group_id")]
    assert (
        {r["remote_group_id"] for r in own}
        == {group["id"]}
        == {r["security_group_id"] for r in own}
    )
    assert known.id("group:jupyterhub-secgroup") == group["id"]


def test_a_flat_network_needs_neither_router_nor_floating_ip(site: Site) -> None:
    del site.world.things["networks"]
    site.wish = wished(network=NetworkWish(routed=False, floating_ip=False))
    site.apply()
    assert "routers" not in site.world.count()
    assert "floatingips" not in site.world.count()


# --- images --------------------------------------------------------------------------------------


def test_an_image_is_made_of_another_one(site: Site) -> None:
    site.wish = wished(image=ImageWish(name="mine", base="debian-12", packages=("pandas==2.2.0",)))
    before = site.world.count()
    site.apply()
    [image] = site.world.named("images", "mine")
    assert site.record.tested[image["id"]]["singleuser"] == "6.1.0"
    assert made(site, before) == {**MADE, "images": 1}
    assert site.lines()["image"] == "="
    assert site.undo() == []
    assert site.world.count() == before


def test_a_machine_that_becomes_an_image_says_why_it_failed(site: Site) -> None:
    site.wish = wished(image=ImageWish(name="mine", base="debian-12"))
    site.world.answers = lambda _server: {"failed": "pip"}
    with pytest.raises(PrepareError, match=r"anywhere-makes-mine.*failed: pip"):
        site.apply()
    # Its console goes on saying so; the next run makes another.
    old = site.world.named("servers", "anywhere-makes-mine")[0]["id"]
    site.world.answers = lambda server: {"failed": "pip"} if server["id"] == old else dict(GOOD)
    site.apply()
    assert site.undo() == []
    assert "servers" not in site.world.count()


def test_a_hub_whose_installation_failed_is_made_anew(site: Site) -> None:
    site.world.answers = lambda server: (
        {"failed": "no-way"} if server["name"] == "jupyterhub" else dict(GOOD)
    )
    with pytest.raises(PrepareError, match="failed: no-way") as caught:
        site.apply()
    assert "made anew" in caught.value.hint
    [old] = site.world.named("servers", "jupyterhub")
    assert site.lines()["hub"] == "~"
    site.world.answers = lambda _server: dict(GOOD)
    site.apply()
    [new] = site.world.named("servers", "jupyterhub")
    assert new["id"] != old["id"]
    assert site.lines()["hub"] == site.lines()["hub-ready"] == "="
    entry = site.record.entry("hub")
    assert entry is not None
    assert entry.facts["host_keys"]


def test_an_image_is_uploaded_and_again_where_that_was_cut(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "lab.qcow2"
    file.write_bytes(b"QFI\xfb" + bytes(20) + (4 << 30).to_bytes(8, "big") + bytes(100))
    site.wish = wished(image=ImageWish(name="mine", upload=file))
    site.world.refuse["PUT", "/file"] = (500, "no store")
    with pytest.raises(PrepareError, match="500: no store"):
        site.apply()
    site.world.refuse.clear()
    assert site.lines()["image"] == "~"
    site.apply()
    [image] = site.world.named("images", "mine")
    assert image["status"] == "active"
    # 4 GiB do not fit on m1.tiny.
    assert [each.name for each in site.plan().flavors] == ["m1.small", "m1.medium", "m1.large"]


def test_an_image_that_is_of_no_use_stops_it(site: Site) -> None:
    site.world.answers = lambda _server: {**GOOD, "python": "3.6.8"}
    with pytest.raises(PrepareError, match=r"image lab: its Python is 3\.6\.8, and 3\.8"):
        site.apply()
    assert "servers" not in site.world.count()


def test_an_image_that_tells_nothing_is_named_with_its_consoles_end(site: Site) -> None:
    site.world.answers = lambda _server: {}
    with pytest.raises(PrepareError, match="Linux version 6") as caught:
        site.apply()
    assert "--minutes" in caught.value.hint
    assert site.undo() == []


def test_a_cloud_without_consoles_leaves_the_image_untested(site: Site) -> None:
    site.world.answers = lambda _server: None
    site.apply()
    assert any("shows no consoles" in line for line in site.said)
    assert site.record.tested == {}


def test_a_machine_that_fails_is_named_with_the_clouds_words_and_made_anew(site: Site) -> None:
    site.world.broken = "No valid host was found."
    with pytest.raises(PrepareError, match="No valid host was found"):
        site.apply()
    site.world.broken = ""
    site.apply()
    assert [each["status"] for each in site.world.all("servers")] == ["ACTIVE"]


# --- the credential ------------------------------------------------------------------------------


def test_a_credential_whose_secret_was_lost_is_made_anew(site: Site) -> None:
    site.apply()
    record = site.record
    record.secret = ""
    record.save()
    old = site.world.all("application_credentials")[0]["id"]
    assert site.lines()["credential"] == "~"
    site.apply()
    [new] = site.world.all("application_credentials")
    assert new["id"] != old
    assert site.record.secret == f"secret-{new['id']}"


def test_a_credential_is_renewed_when_it_is_asked_for_or_has_expired(site: Site) -> None:
    site.apply()
    site.world.now = site.world.now.replace(year=2027, month=11, day=15)
    assert any("expires in 14 days" in note for note in site.plan().notes)
    assert site.lines()["credential"] == "="
    site.wish = replace(site.wish, renew=True)
    assert site.lines()["credential"] == "~"
    site.wish = replace(site.wish, renew=False)
    site.world.now = site.world.now.replace(year=2028)
    assert site.lines()["credential"] == "~"


def test_who_may_make_none_is_told_how_it_is_done_by_hand(site: Site) -> None:
    site.world.refuse["POST", "application_credentials"] = (403, "You are not authorized")
    with pytest.raises(PrepareError) as caught:
        site.apply()
    assert "Identity > Application Credentials" in caught.value.hint
    assert "--credential FILE" in caught.value.hint
    assert site.record.entries == []


def test_one_that_was_made_by_hand_is_used(site: Site) -> None:
    site.wish = wished(given=("id-1", "word"))
    site.apply()
    assert "application_credentials" not in site.world.count()
    script = base64.b64decode(site.world.all("servers")[0]["user_data"]).decode()
    assert "word" not in script


# --- cuts ----------------------------------------------------------------------------------------


class Cut(BaseException):
    """The program is killed."""


def whole_run(tmp_path: Path, image: ImageWish) -> int:
    site = Site(tmp_path / "counted.json", wish=wished(image=image))
    site.apply()
    return len(site.world.calls)


def cut_at(world: World, number: int, *, late: bool) -> None:
    """Kill the program around its n-th changing call; late: after it had its effect."""
    seen = 0

    def strike(method: str, url: str) -> None:
        nonlocal seen
        if method in {"GET", "HEAD"} or url.endswith("/auth/tokens"):
            return
        if seen == number:
            seen += 1
            raise Cut
        seen += 1

    if late:
        world.after = strike
    else:
        world.before = strike


def mend(world: World) -> None:
    world.before = world.after = lambda _method, _url: None


MAKES = ImageWish(name="mine", base="debian-12")
# Every place where CI runs it; else some, and others in each test.
EVERY = 1 if os.environ.get("CI") else 5


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The power stays on in these tests."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def places(calls: int, first: int) -> list[tuple[int, bool]]:
    """Around which calls to cut, and whether before or after their effect."""
    return [(number, late) for number in range(calls) for late in (False, True)][first::EVERY]


@pytest.mark.usefixtures("quick_disk")
def test_cut_anywhere_it_goes_on_without_doubles(tmp_path: Path) -> None:
    for number, late in places(whole_run(tmp_path, MAKES), 0):
        site = Site(tmp_path / f"{number}-{late}.json", wish=wished(image=MAKES))
        before = site.world.count()
        cut_at(site.world, number, late=late)
        with pytest.raises(Cut):
            site.apply()
        mend(site.world)
        site.apply()
        assert made(site, before) == {**MADE, "images": 1}, (number, late)
        assert site.undo() == [], (number, late)
        assert site.world.count() == before, (number, late)


@pytest.mark.usefixtures("quick_disk")
def test_cut_anywhere_it_is_undone(tmp_path: Path) -> None:
    for number, late in places(whole_run(tmp_path, MAKES), 2):
        site = Site(tmp_path / f"{number}-{late}.json", wish=wished(image=MAKES))
        before = site.world.count()
        cut_at(site.world, number, late=late)
        with pytest.raises(Cut):
            site.apply()
        mend(site.world)
        assert site.undo() == [], (number, late)
        assert site.world.count() == before, (number, late)


@pytest.mark.usefixtures("quick_disk")
def test_undoing_that_is_cut_goes_on(tmp_path: Path) -> None:
    first = Site(tmp_path / "counted.json")
    first.apply()
    begun = len(first.world.calls)
    first.undo()
    for number, late in places(len(first.world.calls) - begun, 1):
        site = Site(tmp_path / f"{number}-{late}.json")
        before = site.world.count()
        site.apply()
        cut_at(site.world, number, late=late)
        with pytest.raises(Cut):
            site.undo()
        mend(site.world)
        assert site.undo() == []
        assert site.world.count() == before


def test_what_cannot_be_removed_is_told_and_stays_written_down(site: Site) -> None:
    known = site.apply()
    network, group = known.id("network"), known.id("group:userserver-secgroup")
    port = site.world.add(
        "ports", name="of a user", network_id=network, fixed_ips=[], security_groups=[group]
    )
    left = site.undo()
    assert [line.split(" (")[0] for line in left] == [
        "security group userserver-secgroup",
        "network jupyterhub-net",
    ]
    assert all("something else uses it" in line for line in left)
    assert {each.key for each in site.record.entries} == {"network", "group:userserver-secgroup"}
    del site.world.things["ports"][port["id"]]
    assert site.undo() == []


def test_another_project_is_not_touched(site: Site) -> None:
    site.apply()
    record = site.record
    record.project = "other"
    record.save()
    with pytest.raises(PrepareError, match="is of the project other"):
        site.undo()
    with pytest.raises(PrepareError, match="is of the project other"):
        site.apply()


def test_without_a_hub_only_the_project_is_made_ready(site: Site) -> None:
    site.wish = wished(hub=HubWish(name=""), network=NetworkWish(floating_ip=False))
    known = site.apply()
    assert "hub" not in known.things
    assert "servers" not in site.world.count()


def test_nothing_is_made_where_something_is_in_the_way(site: Site) -> None:
    site.wish = wished(image=ImageWish(name="nowhere"))
    with pytest.raises(AnywhereError, match="There is no image nowhere"):
        site.apply()
    assert site.world.calls == []
