"""The repaired DockerSpawner against a recording engine."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException
from tests.unit.targets.docker.servers import TOKEN, refused, until
from tornado import web
from traitlets.config import Config

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.targets.docker import labels
from jupyterhub_anywhere.testing.worlds.docker import EXITS, PULLED, SERVER, SLOW

if TYPE_CHECKING:
    from tests.unit.targets.docker.conftest import Stage


async def test_a_whole_life(stage: Stage) -> None:
    spawner = stage.spawner(remove=True)
    assert await spawner.poll() == 0
    await spawner.run_pre_spawn_hook()
    ip, port = await spawner.start()
    assert (ip, port > 0) == ("127.0.0.1", True)
    assert await spawner.poll() is None
    assert spawner.get_state()["object_name"] == "jupyter-ann"
    await spawner.stop()
    assert await spawner.poll() == 0
    assert stage.world.alive() == []


async def test_an_engine_that_cannot_say_who_it_is_is_left_as_it_was(stage: Stage) -> None:
    before = asyncio.all_tasks()
    stage.world.fault("info", "error")
    await refused(stage.spawner().start(), "engine")
    assert asyncio.all_tasks() == before, "no part of the start goes on"
    assert "create_container" not in stage.names()
    assert stage.world.alive() == []


async def test_everything_made_is_labelled_and_the_sites_own_labels_stay(stage: Stage) -> None:
    spawner = stage.spawner(
        server="gpu",
        volumes={"home-{username}": "/home", "common": "/common", "/srv/data": "/data"},
        extra_create_kwargs={"labels": {"org.example.cost": "physics"}},
    )
    await spawner.start()
    engine = stage.world.engine
    (container,) = engine.containers.values()
    mine = {labels.HUB: "hub-one", labels.TARGET: "lab"}
    who = {labels.USER: "ann", labels.SERVER: "gpu"}
    kept = {labels.KEEP: "1"}
    assert container.config["Labels"] == {"org.example.cost": "physics", **mine, **who, **kept}
    assert engine.volumes["home-ann"].labels == {**mine, labels.USER: "ann"}
    assert engine.volumes["common"].labels == mine
    assert "/srv/data" not in engine.volumes


async def test_volumes_that_are_there_are_used_as_they_are(stage: Stage) -> None:
    stage.world.within(lambda: stage.world.engine.create_volume("home-ann", {"made": "by hand"}))
    await stage.spawner(volumes={"home-{username}": "/home"}).start()
    assert stage.world.engine.volumes["home-ann"].labels == {"made": "by hand"}
    assert "create_volume" not in stage.names()


@pytest.mark.parametrize("when", ["poll", "start"])
async def test_an_engine_that_fails_does_not_mean_gone(stage: Stage, when: str) -> None:
    spawner = stage.spawner()
    await spawner.start()
    stage.world.fault("inspect_container", "error")
    if when == "poll":
        with pytest.raises(DockerException, match="told to fail"):
            await spawner.poll()
    else:
        await refused(spawner.start(), "target lab refuses")
    assert spawner.get_state()["object_id"]
    stage.world.fault("inspect_container", None)
    assert await spawner.poll() is None


async def test_another_hubs_container_is_never_touched(stage: Stage) -> None:
    theirs = stage.spawner(stage.target(hub="hub-two"))
    await theirs.start()
    mine = stage.spawner()
    assert await mine.poll() == 0
    for remove in (True, False):
        mine.remove = remove
        error = await refused(mine.start(), r"another hub \(hub-two\)")
        assert (error.status_code, error.reason) == (409, "name-conflict")
    await mine.delete_forever()
    assert await theirs.poll() is None


async def test_a_container_that_stock_has_made_is_taken_over(stage: Stage) -> None:
    stock = stage.spawner()
    await stock.start()
    (container,) = stage.world.engine.containers.values()
    container.config["Labels"] = {}
    state = stock.get_state()
    mine = stage.spawner()
    mine.load_state(state)
    assert await mine.poll() is None
    await mine.stop()
    mine.api_token = "f" * 32
    await mine.start()
    assert mine.api_token == TOKEN
    assert stage.names().count("create_container") == 1


async def test_a_long_pull_does_not_count_as_start(stage: Stage) -> None:
    spawner = stage.spawner(image=SLOW.name, start_timeout=5)
    pulls: list[str] = []
    spawner.anywhere_pulling = lambda: pulls.append(spawner.image)
    events: list[dict[str, Any]] = []

    async def look() -> None:
        async for event in spawner.progress():
            events.append(event)  # noqa: PERF401 - they are looked at when it is cancelled too

    looking = asyncio.create_task(look())
    await spawner.run_pre_spawn_hook()
    asked = len(stage.names())
    await spawner.start()
    await looking
    assert "pull" not in stage.names()[asked:]
    assert stage.names().count("pull") == 1
    assert pulls == [SLOW.name]
    assert any(f"Pulling image {SLOW.name}" in event["message"] for event in events)
    assert events[-1]["message"] == "Spawning server..."


async def test_one_pull_serves_all_and_outlives_who_began_it(stage: Stage) -> None:
    target = stage.target()
    first, second = (stage.spawner(target, user, image=SLOW.name) for user in ("ann", "ben"))
    one = asyncio.create_task(first.run_pre_spawn_hook())
    await until(lambda: "pull" in stage.names())
    two = asyncio.create_task(second.run_pre_spawn_hook())
    await until(lambda: stage.names().count("inspect_image") == 2)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    await two
    await second.start()
    assert stage.names().count("pull") == 1


async def test_the_hooks_image_is_the_one_that_is_pulled(stage: Stage) -> None:
    def hook(spawner: Any) -> None:
        spawner.image = PULLED.name

    spawner = stage.spawner(pre_spawn_hook=hook)
    await spawner.run_pre_spawn_hook()
    await spawner.start()
    (container,) = stage.world.engine.containers.values()
    assert container.image == PULLED


async def test_other_calls_go_on_while_one_hangs(stage: Stage) -> None:
    target = stage.target()
    ann, ben = stage.spawner(target, "ann"), stage.spawner(target, "ben")
    await ben.start()
    stage.world.fault("inspect_container", "hang", server="jupyter-ann")
    hung = asyncio.create_task(ann.poll())
    await until(lambda: stage.names()[-1] == "inspect_container")
    assert await ben.poll() is None
    stage.world.fault("inspect_container", None, server="jupyter-ann")
    assert await hung == 0


async def test_two_targets_share_no_client(stage: Stage) -> None:
    one, two = stage.target("one"), stage.target("two", url=stage.away())
    assert await stage.spawner(one).poll() == 0
    with pytest.raises(DockerException, match="server API version"):
        await stage.spawner(two).poll()


async def test_the_end_of_the_log_is_told_and_nothing_secret(stage: Stage) -> None:
    image = stage.world.engine.images[EXITS.name]
    spawner = stage.spawner(image=EXITS.name)
    lines = (*image.log, f"token {TOKEN} <b>")
    stage.world.engine.images[EXITS.name] = type(image)(EXITS.name, "exits", lines, 1)
    error = await refused(spawner.start(), "exit status 1")
    text = error.jupyterhub_message
    assert "no such kernel" in text
    assert TOKEN not in str(error)
    assert "token *** &lt;b&gt;" in error.jupyterhub_html_message
    # Kept, it would be started again for whatever is chosen next.
    assert stage.world.alive() == []


async def test_a_start_that_fails_later_leaves_no_container(stage: Stage) -> None:
    stage.world.fault("start", "error")
    await refused(stage.spawner().start(), "told to fail")
    assert stage.world.alive() == []


async def test_a_kept_container_with_another_image_is_told(stage: Stage) -> None:
    first = stage.spawner()
    await first.start()
    await first.stop()
    second = stage.spawner(image=EXITS.name)
    second.load_state(first.get_state())
    await second.start()
    said = [event["message"] async for event in second.progress()]
    assert said[0].startswith(
        f"Your earlier container is started again, with the image {SERVER.name}"
    )
    assert stage.names().count("create_container") == 1


@pytest.mark.parametrize(
    ("traits", "reason", "words"),
    [
        ({"image": "stub/none:1"}, "image", "There is no image stub/none:1"),
        ({"image": "stub/none:1", "pull_policy": "never"}, "image", "There is no image"),
        ({"network_name": "lab"}, "network", "docker network create lab"),
    ],
)
async def test_failures_name_cause_and_cure(
    stage: Stage, traits: dict[str, Any], reason: str, words: str
) -> None:
    spawner = stage.spawner(**traits)

    async def both() -> None:
        await spawner.run_pre_spawn_hook()
        await spawner.start()

    error = await refused(both(), words)
    assert error.reason == reason


async def test_an_engine_that_is_away_is_told_at_once(stage: Stage) -> None:
    target = stage.target(url=stage.away())
    error = await refused(
        stage.spawner(target).run_pre_spawn_hook(), r"none.sock\) cannot be reached"
    )
    assert error.reason == "engine"


async def test_certificates_that_are_not_there_are_told(stage: Stage) -> None:
    tls = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    far = {"url": "tcp://big:2376", "host_ip": "10.0.0.7", "internal_url": "http://10.0.0.1:81"}
    spawner = stage.spawner(stage.target(**far, tls=tls))
    error = await refused(spawner.run_pre_spawn_hook(), "certificates of `tls` have to be there")
    assert error.reason == "engine"


# --- the way back to the hub ----------------------------------------------------------------------


async def test_a_door_is_opened_at_the_gateway_and_told(stage: Stage) -> None:
    asked: list[str] = []

    async def open_door(address: str) -> str:
        asked.append(address)
        return f"http://{address}:8081"

    stage.open_door = open_door
    spawner = stage.spawner()
    await spawner.start()
    (container,) = stage.world.engine.containers.values()
    env = dict(line.split("=", 1) for line in container.config["Env"])
    assert env["JUPYTERHUB_API_URL"].startswith(f"http://{asked[0]}:8081/")
    assert asked == [stage.world.engine.networks["bridge"].gateway]


@pytest.mark.parametrize(
    "traits",
    [
        {"hub_connect_url": "http://10.0.0.1:8081"},
        {"extra_host_config": {"network_mode": "host"}, "use_internal_ip": True},
    ],
)
async def test_no_door_is_opened_where_none_is_needed(stage: Stage, traits: dict[str, Any]) -> None:
    async def open_door(address: str) -> str:
        raise AssertionError(address)

    stage.open_door = open_door
    await stage.spawner(**traits)._open_door()


async def test_a_door_that_cannot_be_opened_is_told(stage: Stage) -> None:
    async def open_door(address: str) -> str:
        raise TargetError(f"{address} is taken.", hint="Free it.")

    stage.open_door = open_door
    error = await refused(stage.spawner().start(), "is taken. Free it.")
    assert error.reason == "target"
    assert "create_container" not in stage.names()


async def test_a_subclass_does_its_own_part(stage: Stage) -> None:
    target = stage.target(**{"class": "dockerspawner.SystemUserSpawner"})
    spawner = stage.spawner(target, host_homedir_format_string="/srv/{username}")
    spawner.user_id, spawner.group_id = 1234, 5678
    await spawner.start()
    (container,) = stage.world.engine.containers.values()
    assert container.config["User"] == "1234:5678"
    assert container.config["Labels"][labels.USER] == "ann"
    assert any(each.startswith("/srv/ann:") for each in container.host["Binds"])


# --- images ---------------------------------------------------------------------------------------


def allow(stage: Stage, *images: str) -> None:
    stage.hub_config = Config(DockerSpawner={"allowed_images": list(images), "image": SERVER.name})


async def test_a_target_cannot_widen_the_hubs_images(stage: Stage) -> None:
    allow(stage, EXITS.name)
    spawner = stage.spawner(image=PULLED.name, allowed_images="*")
    await spawner.apply_group_overrides()
    error = await refused(spawner._run_apply_user_options({}), "not among those")
    assert error.status_code == 403
    asking = stage.spawner(allowed_images="*", options={"image": PULLED.name})
    await refused(asking.run_pre_spawn_hook(), "not among those")


async def test_a_target_may_restrict_and_the_hubs_default_counts(stage: Stage) -> None:
    allow(stage, EXITS.name, PULLED.name)
    for image in (SERVER.name, EXITS.name):
        spawner = stage.spawner(image=image)
        await spawner.apply_group_overrides()
        await spawner._run_apply_user_options({})
    narrow = stage.spawner(allowed_images=[EXITS.name], options={"image": PULLED.name})
    with pytest.raises(web.HTTPError, match="not in allowed list"):
        await narrow.run_pre_spawn_hook()


async def test_the_hubs_own_hooks_and_overrides_are_not_measured(stage: Stage) -> None:
    allow(stage, EXITS.name)
    stage.hub_config.DockerSpawner.pre_spawn_hook = lambda each: setattr(each, "image", PULLED.name)
    spawner = stage.spawner()
    await spawner.apply_group_overrides()
    spawner.image = PULLED.name
    await spawner._run_apply_user_options({})
    await spawner.run_pre_spawn_hook()
    assert spawner.image == PULLED.name


async def test_the_form_is_dockerspawners(stage: Stage) -> None:
    allow(stage, SERVER.name, EXITS.name)
    form = await stage.spawner().get_options_form()
    assert EXITS.name in form


# --- GPUs -----------------------------------------------------------------------------------------


async def test_each_server_gets_gpus_of_its_own(stage: Stage) -> None:
    target = stage.target(gpu_devices=["0", "1", "2"])
    ann, ben, eve = (stage.spawner(target, user, gpus=1) for user in ("ann", "ben", "eve"))
    ben.gpus = 2
    await asyncio.gather(ann.start(), ben.start())
    given = {
        each.name: each.host["DeviceRequests"][0]["DeviceIDs"]
        for each in stage.world.engine.containers.values()
    }
    assert sorted(chain.from_iterable(given.values())) == ["0", "1", "2"]
    error = await refused(eve.start(), "in use by other servers")
    assert error.reason == "gpu"
    await ann.stop()
    await eve.start()
    # Ann's container has her GPU written into it, which is Eve's now.
    await refused(ann.start(), "in use by other servers")
    assert "jupyter-ann" in stage.world.alive()
    await eve.stop()
    await ann.start()


async def test_gpus_join_what_the_site_asks_for_itself(stage: Stage) -> None:
    own = {"Driver": "fpga", "Count": 1}
    spawner = stage.spawner(gpus="all", extra_host_config={"device_requests": [own]})
    await spawner.start()
    (container,) = stage.world.engine.containers.values()
    first, second = container.host["DeviceRequests"]
    assert (first["Driver"], second["Count"], second["Capabilities"]) == ("fpga", -1, [["gpu"]])


# --- the end --------------------------------------------------------------------------------------


async def test_deleting_removes_the_container_and_keeps_volumes(stage: Stage) -> None:
    spawner = stage.spawner(volumes={"home-{username}": "/home"})
    await spawner.start()
    await spawner.delete_forever()
    assert stage.world.alive() == ["jupyter-ann"]
    await spawner.stop()
    await spawner.delete_forever()
    assert stage.world.alive() == []
    assert "home-ann" in stage.world.engine.volumes


async def test_volumes_go_with_their_user_where_that_is_wanted(stage: Stage) -> None:
    target = stage.target()
    volumes = {
        "home-{username}": "/home",
        "work-{username}-{servername}": "/work",
        "common": "/common",
    }
    traits: dict[str, Any] = {"volumes": volumes, "delete_volumes": True, "remove": True}
    named = stage.spawner(target, server="one", **traits)
    await named.start()
    await named.stop()
    await named.delete_forever()
    assert sorted(stage.world.engine.volumes) == ["common", "home-ann"]
    stage.world.engine.create_volume("home-ben", {labels.HUB: "hub-two"})
    for user in ("ann", "ben"):
        await stage.spawner(target, user, **traits).delete_forever()
    assert sorted(stage.world.engine.volumes) == ["common", "home-ben"]


async def test_a_server_with_a_kept_container_is_not_renamed(stage: Stage) -> None:
    spawner = stage.spawner(server="one", volumes={"work-{username}-{servername}": "/work"})
    await spawner.rename("one", "two")
    await spawner.start()
    await spawner.stop()
    with pytest.raises(web.HTTPError, match="its container jupyter-ann--one") as caught:
        await spawner.rename("one", "two")
    assert caught.value.status_code == 409
    await spawner.remove_object()
    with pytest.raises(web.HTTPError, match="its volume work-ann-one"):
        await spawner.rename("one", "two")


async def test_the_inventory_knows_this_hubs_containers_only(stage: Stage) -> None:
    target = stage.target()
    ann, ben = stage.spawner(target, "ann"), stage.spawner(target, "ben", "two")
    await ann.start()
    await ben.start()
    await ben.stop()
    await stage.spawner(stage.target(hub="hub-two"), "eve").start()
    await stage.spawner(stage.target("other"), "joe").start()
    inventory = target.inventory()
    found = {each.name: (each.user, each.server) for each in await inventory.owned()}
    assert found == {"jupyter-ann": ("ann", ""), "jupyter-ben--two": ("ben", "two")}
    seen = await inventory.observe(["jupyter-ann", "jupyter-ben--two", "jupyter-eve"])
    assert [each.phase for each in seen.values()] == [Phase.RUNNING, Phase.GONE, Phase.GONE]
    for each in await inventory.owned():
        assert await inventory.destroy(each)
        assert await inventory.destroy(each)
    assert sorted(stage.world.alive()) == ["jupyter-eve", "jupyter-joe"]
    stage.world.fault("containers", "error")
    (unsure,) = (await inventory.observe(["jupyter-ann"])).values()
    assert unsure.phase is Phase.UNKNOWN
