"""kubernetes_asyncio, which KubeSpawner uses, against the recording cluster."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.utils import exponential_backoff
from kubernetes_asyncio import client, watch
from kubernetes_asyncio.client.exceptions import ApiException
from kubespawner import clients
from kubespawner.spawner import KubeSpawner
from tornado.httpclient import AsyncHTTPClient

from jupyterhub_anywhere.testing.worlds.kube import POD, KubeWorld
from jupyterhub_anywhere.testing.worlds.kube_pods import EXITS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SPACE = "default"
NAME = "jupyter-ann"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[KubeWorld]:
    found = KubeWorld(tmp_path)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def api(world: KubeWorld) -> AsyncIterator[Any]:
    del world
    clients.load_config()
    async with client.ApiClient() as connection:
        yield client.CoreV1Api(connection)


def manifest(name: str = NAME, image: str = "stub/server:1", **spec: Any) -> dict[str, Any]:
    container = {
        "name": "notebook",
        "image": image,
        "ports": [{"name": "notebook-port", "containerPort": 8888}],
        "env": [{"name": "JUPYTERHUB_API_TOKEN", "value": TOKEN}, {"name": "A", "value": "1"}],
    }
    labels = {"component": "singleuser-server"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], **spec},
    }


async def until(api: Any, phase: str, name: str = NAME) -> Any:
    async def there() -> Any:
        pod = await api.read_namespaced_pod(name, SPACE)
        return pod if pod.status.phase == phase else False

    return await exponential_backoff(there, f"the pod is not {phase}", timeout=60)


async def gone(api: Any, world: KubeWorld) -> None:
    del api
    await exponential_backoff(lambda: not world.alive(), "the pod stays", timeout=60)


async def test_a_pod_runs_serves_at_its_own_address_and_goes(world: KubeWorld, api: Any) -> None:
    made = await api.create_namespaced_pod(SPACE, manifest())
    assert made.metadata.uid
    pod = await until(api, "Running")
    assert world.alive() == ["pods/jupyter-ann"]
    assert [each.ready for each in pod.status.container_statuses] == [True]
    answer = await AsyncHTTPClient().fetch(f"http://{pod.status.pod_ip}:8888/user/ann/api")
    assert answer.headers["X-JupyterHub-Version"]
    marked = await api.delete_namespaced_pod(NAME, SPACE, grace_period_seconds=1)
    assert marked.metadata.deletion_timestamp
    await gone(api, world)
    with pytest.raises(OSError, match="111"):
        await asyncio.open_connection(pod.status.pod_ip, 8888)


async def test_two_pods_have_two_addresses(api: Any) -> None:
    for name in ("jupyter-ann", "jupyter-ben"):
        await api.create_namespaced_pod(SPACE, manifest(name))
    first, second = [await until(api, "Running", name) for name in ("jupyter-ann", "jupyter-ben")]
    assert first.status.pod_ip != second.status.pod_ip


async def test_what_is_asked_is_written_without_secrets(world: KubeWorld, api: Any) -> None:
    await api.create_namespaced_pod(SPACE, manifest())
    await api.create_namespaced_secret(
        SPACE, {"metadata": {"name": "keys"}, "data": {"ssl.key": "c2VjcmV0"}}
    )
    pod, secret = world.calls
    assert (pod.name, pod.facts["object"], pod.facts["namespace"]) == ("create pods", NAME, SPACE)
    (container,) = pod.facts["body"]["spec"]["containers"]
    assert container["env"] == {"A": "1", "JUPYTERHUB_API_TOKEN": "SECRET"}
    assert secret.facts["body"]["data"] == ["ssl.key"]
    written = json.dumps([dict(call.facts) for call in world.calls])
    assert TOKEN not in written
    assert "c2VjcmV0" not in written


async def test_names_are_taken_once_and_missing_ones_are_not_found(api: Any) -> None:
    claim = {"metadata": {"name": "claim-ann"}}
    await api.create_namespaced_persistent_volume_claim(SPACE, claim)
    with pytest.raises(ApiException) as twice:
        await api.create_namespaced_persistent_volume_claim(SPACE, claim)
    assert twice.value.status == 409
    assert json.loads(twice.value.body or "")["reason"] == "AlreadyExists"
    with pytest.raises(ApiException) as missing:
        await api.delete_namespaced_pod(NAME, SPACE)
    assert missing.value.status == 404


async def test_what_a_pod_owns_goes_with_it(world: KubeWorld, api: Any) -> None:
    pod = await api.create_namespaced_pod(SPACE, manifest())
    owner = {"apiVersion": "v1", "kind": "Pod", "name": NAME, "uid": pod.metadata.uid}
    meta = {"name": NAME, "ownerReferences": [owner]}
    await api.create_namespaced_service(SPACE, {"metadata": meta})
    assert world.alive() == ["pods/jupyter-ann", "services/jupyter-ann"]
    await api.delete_namespaced_pod(NAME, SPACE, grace_period_seconds=0)
    assert world.alive() == []


async def test_a_list_selects_by_label_and_field(api: Any) -> None:
    await api.create_namespaced_pod(SPACE, manifest())
    await until(api, "Running")
    events = await api.list_namespaced_event(SPACE, field_selector="involvedObject.kind=Pod")
    assert [each.reason for each in events.items] == ["Scheduled", "Started"]
    for selector, number in (("component=singleuser-server", 1), ("component=hub", 0)):
        pods = await api.list_namespaced_pod(SPACE, label_selector=selector)
        assert len(pods.items) == number
    with pytest.raises(ApiException) as refused:
        await api.list_namespaced_pod(SPACE, label_selector="component!=hub")
    assert refused.value.status == 400


async def test_a_watch_tells_every_change(api: Any) -> None:
    start = (await api.list_namespaced_pod(SPACE)).metadata.resource_version
    seen: list[tuple[str, str]] = []
    await api.create_namespaced_pod(SPACE, manifest())
    async with watch.Watch().stream(
        api.list_namespaced_pod, SPACE, resource_version=start, timeout_seconds=60
    ) as changes:
        async for change in changes:
            status = change["raw_object"].get("status") or {}
            seen.append((change["type"], status.get("phase", "")))
            if seen[-1] == ("MODIFIED", "Running"):
                await api.delete_namespaced_pod(NAME, SPACE, grace_period_seconds=0)
            if change["type"] == "DELETED":
                break
    assert seen == [
        ("ADDED", ""),
        ("MODIFIED", "Pending"),
        ("MODIFIED", "Running"),
        ("DELETED", "Running"),
    ]


async def test_a_watch_is_over_after_its_time(api: Any) -> None:
    async with watch.Watch().stream(api.list_namespaced_pod, SPACE, timeout_seconds=1) as changes:
        assert [change async for change in changes] == []


async def test_lists_are_written_once_in_order_of_their_names(world: KubeWorld, api: Any) -> None:
    for _ in range(2):
        await api.list_namespaced_pod(SPACE)
        await api.list_namespaced_event(SPACE)
    await api.create_namespaced_pod(SPACE, manifest())
    await api.list_namespaced_pod(SPACE, label_selector="component=hub")
    names = [call.name for call in world.calls]
    assert names == ["list events", "list pods", "create pods", "list pods"]


async def test_an_image_that_exits_and_a_pod_that_finds_no_node(world: KubeWorld, api: Any) -> None:
    await api.create_namespaced_pod(SPACE, manifest(image=EXITS))
    pod = await until(api, "Failed")
    (status,) = pod.status.container_statuses
    assert status.state.terminated.exit_code == 3
    world.fault(POD, "hang", server="jupyter-ben")
    await api.create_namespaced_pod(SPACE, manifest("jupyter-ben"))
    await api.create_namespaced_pod(SPACE, manifest("jupyter-cleo"))
    await until(api, "Running", "jupyter-cleo")
    assert (await api.read_namespaced_pod("jupyter-ben", SPACE)).status.phase == "Pending"


async def test_a_request_fails_for_one_object_until_it_is_healed(
    world: KubeWorld, api: Any
) -> None:
    world.fault("create pods", "error", server=NAME)
    await api.create_namespaced_pod(SPACE, manifest("jupyter-ben"))
    with pytest.raises(ApiException) as failed:
        await api.create_namespaced_pod(SPACE, manifest())
    assert failed.value.status == 500
    world.fault("create pods", None, server=NAME)
    await api.create_namespaced_pod(SPACE, manifest())
    assert world.alive() == ["pods/jupyter-ben", "pods/jupyter-ann"]


async def test_a_request_hangs_until_it_is_healed(world: KubeWorld, api: Any) -> None:
    world.fault("create pods", "hang")
    create = asyncio.create_task(api.create_namespaced_pod(SPACE, manifest()))
    await exponential_backoff(lambda: world.calls, "nothing was asked", timeout=60)
    assert world.alive() == []
    world.fault("create pods", None)
    await asyncio.wait_for(create, 60)
    assert world.alive() == ["pods/jupyter-ann"]


async def test_a_request_whose_client_has_gone_does_nothing_later(
    world: KubeWorld, api: Any
) -> None:
    world.fault("create pods", "hang")
    create = asyncio.create_task(api.create_namespaced_pod(SPACE, manifest()))
    await exponential_backoff(lambda: world.calls, "nothing was asked", timeout=60)
    create.cancel()
    await asyncio.wait({create})
    # A later request is answered after the world has seen that the first client is gone.
    await api.list_namespaced_pod(SPACE)
    world.fault("create pods", None)
    await api.list_namespaced_pod(SPACE)
    assert world.alive() == []


async def test_two_worlds_in_one_process_are_two_clusters(world: KubeWorld, tmp_path: Path) -> None:
    # KubeSpawner's configuration and clients belong to the process, and its watches to the class.
    (tmp_path / "second").mkdir()
    for found in (world, KubeWorld(tmp_path / "second")):
        if found is not world:
            await found.open()
        clients.load_config()
        connection = clients.shared_client("CoreV1Api")
        await connection.create_namespaced_pod(SPACE, manifest())
        assert len(found.alive()) == 1
        assert KubeSpawner.reflectors == {}
        await connection.api_client.close()
    await found.close()
