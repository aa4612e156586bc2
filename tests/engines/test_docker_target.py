"""Target ``docker`` against a real engine."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException, NotFound
from dockerspawner import DockerSpawner
from tests.engines.registry import Registry
from tests.unit.targets.docker.servers import TOKEN, Servers, refused, servers, until

from engines.docker import images
from engines.docker.engine import DockerEngine
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.targets.docker import labels, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
async def stage(
    engine: DockerEngine, stub_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Servers]:
    # The account's own configuration, with its proxies and logins, stays out.
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    async with servers(Servers, engine.url, stub_image, tmp_path) as made:
        yield made
        asking = made.target("end")
        for each in await asking.ask("containers", all=True, filters={"label": labels.HUB}):
            await asking.ask("remove_container", each["Id"], force=True, v=True)
        found = await asking.ask("volumes", filters={"label": labels.HUB})
        for volume in found["Volumes"] or []:
            await asking.ask("remove_volume", volume["Name"], force=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


async def full_start(spawner: Any) -> Any:
    await spawner.run_pre_spawn_hook()
    return await spawner.start()


async def inspected(spawner: Any) -> Any:
    return await spawner.docker("inspect_container", spawner.container_name)


@pytest.mark.parametrize("remove", [False, True])
async def test_a_whole_life(stage: Servers, *, remove: bool) -> None:
    volumes = {"home-{username}": "/home/jovyan/work"}
    spawner = stage.spawner(remove=remove, volumes=volumes, mem_limit="256M", cpu_limit=0.5)
    ip, port = await full_start(spawner)
    assert (ip, port > 0) == ("127.0.0.1", True)
    assert await spawner.poll() is None
    found = await inspected(spawner)
    assert found["HostConfig"]["Memory"] == 256 << 20
    assert found["HostConfig"]["CpuQuota"] == 50_000
    assert labels.owner_of(found) == labels.Owner("hub-one", "lab", "ann", "")
    volume = await spawner.docker("inspect_volume", "home-ann")
    assert volume["Labels"][labels.USER] == "ann"
    await spawner.stop()
    assert await spawner.poll() is not None
    if not remove:
        again = stage.spawner()
        again.load_state(spawner.get_state())
        await again.start()
        assert (await inspected(again))["Id"] == found["Id"]
        assert again.api_token == TOKEN
        await again.stop()
        await again.delete_forever()
    with pytest.raises(NotFound):
        await inspected(spawner)
    assert await spawner.docker("inspect_volume", "home-ann")


@pytest.mark.parametrize("remove", [False, True])
async def test_a_container_that_exits_at_once_tells_why(stage: Servers, *, remove: bool) -> None:
    spawner = stage.spawner(remove=remove, environment={"STUB": "fail"})
    error = await refused(full_start(spawner), "exit status 7")
    assert "RuntimeError: the end" in error.jupyterhub_message
    assert "&lt;b&gt;bad luck" in error.jupyterhub_html_message
    with pytest.raises(NotFound):
        await inspected(spawner)


async def test_a_server_that_needs_too_much_memory_is_told_so(stage: Servers) -> None:
    eat = ["python3", "-c", "x = bytearray(512 << 20)"]
    spawner = stage.spawner(cmd=eat, mem_limit="32M", args=[])
    spawner.get_args = list
    await refused(full_start(spawner), "more than its memory limit of 32M")


async def test_a_server_that_is_slow_is_left_to_the_hub(stage: Servers) -> None:
    spawner = stage.spawner(environment={"STUB": "deaf"}, http_timeout=2)
    await full_start(spawner)
    assert await spawner.poll() is None
    await spawner.docker("remove_container", spawner.container_id, force=True)


@pytest.mark.parametrize(
    ("traits", "reason", "words"),
    [
        ({"image": "anywhere/none:1"}, "registry", "cannot be reached"),
        ({"image": "anywhere/none:1", "pull_policy": "never"}, "image", "There is no image"),
        ({"image": "Anywhere/None:1"}, "image", "cannot be the name of an image"),
        ({"network_name": "none-such"}, "network", "docker network create none-such"),
        ({"mem_limit": "1M"}, "memory", "Choose more memory"),
        ({"cmd": ["no-such-program"]}, "command", "cannot start a server"),
        ({"host_ip": "198.51.100.77"}, "port", "host_ip"),
        ({"gpus": 1}, "gpu", "cannot give GPUs"),
        ({"volumes": {"/no/such/../folder": "relative"}}, "volume", "cannot be mounted"),
    ],
)
async def test_failures_name_cause_and_cure(
    stage: Servers, traits: dict[str, Any], reason: str, words: str
) -> None:
    spawner = stage.spawner(**traits)
    error = await refused(full_start(spawner), words)
    assert error.reason == reason
    # Kept, it would be started again for whatever is chosen next.
    with pytest.raises(NotFound):
        await inspected(spawner)


async def test_a_server_is_started_again_at_once(stage: Servers) -> None:
    target = stage.target()
    for _ in range(3):
        spawner = stage.spawner(target, remove=True)
        await spawner.start()
        await spawner.stop()


async def test_a_registry_that_has_no_such_image_says_so(
    stage: Servers, registry: Registry
) -> None:
    spawner = stage.spawner(image=f"{registry.address}/none:1")
    error = await refused(full_start(spawner), "There is no image")
    assert error.reason == "image"


async def test_a_pull_tells_how_far_it_is_and_holds_up_nobody(
    stage: Servers, registry: Registry
) -> None:
    target = stage.target()
    image = registry.add_filler("big", 8_000_000)
    registry.hold()
    slow = stage.spawner(target, "ann", image=image)
    pull = asyncio.create_task(slow.run_pre_spawn_hook())
    try:
        # More who wait for a pull than pulls go at a time, and everybody else is served.
        others = [
            asyncio.create_task(stage.spawner(target, f"user{n}", image=image).run_pre_spawn_hook())
            for n in range(3)
        ]
        await until(lambda: any("/blobs/" in path for path in registry.requests))
        quick = stage.spawner(target, "ben", remove=True)
        await full_start(quick)
        assert await quick.poll() is None
        await quick.stop()
        assert not pull.done()
    finally:
        registry.bytes_per_second = 4e6
        registry.release()
    seen: list[str] = []

    async def look() -> None:
        async for event in slow.progress():
            seen.append(event["message"])  # noqa: PERF401 - it is cancelled in the middle

    looking = asyncio.create_task(look())
    await asyncio.gather(pull, *others)
    looking.cancel()
    assert any(re.search(r"Pulling image \S+big:latest: \d+ % of 8.0 MB", text) for text in seen)
    layers = {path for path in registry.requests if "/blobs/" in path}
    assert all(registry.requests.count(path) == 1 for path in layers)


async def test_an_image_is_pulled_by_its_digest(stage: Servers, registry: Registry) -> None:
    image = registry.add_filler("digest", 1000)
    name = image.rpartition(":")[0]
    digest = registry.digest("digest", "latest")
    spawner = stage.spawner(image=f"{name}@{digest}")
    await spawner.run_pre_spawn_hook()
    found = await spawner.docker("inspect_image", f"{name}@{digest}")
    assert found["RepoDigests"] == [f"{name}@{digest}"]


async def test_two_hubs_do_not_touch_each_others_containers(stage: Servers) -> None:
    theirs = stage.spawner(stage.target(hub="hub-two"), remove=True)
    await theirs.start()
    target = stage.target()
    mine = stage.spawner(target, remove=True)
    await refused(mine.start(), "another hub")
    assert await mine.poll() == 0
    await mine.delete_forever()
    assert [each.name for each in await target.inventory().owned()] == []
    assert await theirs.poll() is None
    own = stage.spawner(target, prefix="other", remove=True)
    await own.start()
    (resource,) = await target.inventory().owned()
    assert (resource.name, resource.user) == ("other-ann", "ann")
    # Begun, or proven: a busy engine takes its time, and is asked again.
    while not await target.inventory().destroy(resource):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.1)
    seen = await target.inventory().observe(["other-ann"])
    assert seen["other-ann"].phase is Phase.GONE
    assert await theirs.poll() is None


async def test_a_stock_container_is_taken_over_and_given_back(
    stage: Servers, engine: DockerEngine
) -> None:
    mine = stage.spawner()
    stock = DockerSpawner(
        user=mine.user,
        orm_spawner=mine.orm_spawner,
        hub=mine.hub,
        image=stage.image,
        client_kwargs={"base_url": engine.url},
    )
    stock.api_token = "a" * 32
    try:
        ip, port = await stock.start()
        async with asyncio.timeout(60):
            while not await watching.answers(ip, port, tls=False):  # noqa: ASYNC110 - a container's
                await asyncio.sleep(0.05)
        mine.load_state(stock.get_state())
        assert await mine.poll() is None
        await mine.stop()
        await mine.start()
        assert mine.api_token == stock.api_token
        stock.load_state(mine.get_state())
        assert await stock.poll() is None
        await stock.stop()
        # Made by the stock spawner, so it has no label; the state says that it is ours.
        await mine.delete_forever()
        assert await stock.poll() == 0
    finally:
        stock.client.close()
        stock.executor.shutdown()


async def test_internal_tls_reaches_its_server(stage: Servers) -> None:
    """The certificates' container is labelled, and gone when they are in their volume."""
    # The image's command has to end at once, as that of busybox does.
    target = stage.target()
    made = await target.ask("create_container", stage.image, command=["true"])
    await target.ask("commit", made["Id"], repository="anywhere/true", tag="test")
    await target.ask("remove_container", made["Id"])
    spawner = stage.spawner(target, move_certs_image="anywhere/true:test")
    spawner.internal_ssl = True
    paths = {}
    for name in ("keyfile", "certfile", "cafile"):
        path = stage.folder / name
        path.write_text("certificate")
        paths[name] = str(path)
    moved = await spawner.move_certs(paths)
    assert moved["keyfile"] == "/certs/keyfile"
    assert await spawner.docker("containers", all=True, filters={"label": labels.PURPOSE}) == []
    volume = await spawner.docker("inspect_volume", "jupyterssl-ann")
    await spawner.docker("remove_volume", volume["Name"])


# docker-py leaves its socket open where nobody listens.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_an_engine_that_goes_and_comes_back_forgets_no_server(
    stage: Servers, engine_room: Path
) -> None:
    with DockerEngine(engine_room / "lost", name="lost", live_restore=True) as lost:
        lost.load(images.tar_of(images.STUB_IMAGE))
        target = stage.target(url=lost.url)
        spawner = stage.spawner(target)
        await spawner.start()
        lost.kill()
        stage.asks_nobody()
        with pytest.raises((DockerException, OSError)):
            await spawner.poll()
        seen = await target.inventory().observe(["jupyter-ann"])
        assert seen["jupyter-ann"].phase is Phase.UNKNOWN
        lost.start()
        assert await spawner.poll() is None
        await spawner.stop()


async def test_tls_is_verified_both_ways(stage: Servers, second_engine: DockerEngine) -> None:
    keys = {
        "url": second_engine.tcp_url,
        "host_ip": "127.0.0.1",
        "internal_url": "http://198.51.100.1:8081",
    }
    folder = second_engine.tls
    tls = {"ca": folder / "ca.pem", "cert": folder / "cert.pem", "key": folder / "key.pem"}
    target = stage.target(**keys, tls=tls)
    assert (await target.ask("version"))["ApiVersion"]
    spawner = stage.spawner(target)
    assert spawner.get_env()["JUPYTERHUB_API_URL"] == "http://198.51.100.1:8081/api"
    wrong: tuple[dict[str, Any], ...] = (
        {"insecure": True},
        {"tls": {**tls, "ca": folder / "cert.pem"}},
    )
    for more in wrong:
        with pytest.raises((DockerException, OSError)):
            await stage.target(**keys, **more).ask("version")


async def test_two_engines_side_by_side(
    stage: Servers, second_engine: DockerEngine, second_stub_image: str
) -> None:
    targets = stage.target("one"), stage.target("two", url=second_engine.url)
    spawners = [stage.spawner(each, image=second_stub_image, remove=True) for each in targets]
    await asyncio.gather(*(each.start() for each in spawners))
    for target in targets:
        (found,) = await target.inventory().owned()
        assert found.name == "jupyter-ann"
    for each in spawners:
        await each.stop()
