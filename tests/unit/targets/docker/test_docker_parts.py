"""The parts of the docker target that need no engine."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, DockerException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from traitlets.config import Config

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.targets.docker import DockerTarget, labels
from jupyterhub_anywhere.targets.docker import kind as module
from jupyterhub_anywhere.targets.docker.addresses import host_and_port, is_loopback
from jupyterhub_anywhere.targets.docker.client import client_arguments
from jupyterhub_anywhere.targets.docker.doctor_words import unreachable
from jupyterhub_anywhere.targets.docker.failures import Place, explain
from jupyterhub_anywhere.targets.docker.gpus import choose, device_request
from jupyterhub_anywhere.targets.docker.images import name_and_tag, permitted
from jupyterhub_anywhere.targets.docker.pulling import PullError, PullNews, size
from jupyterhub_anywhere.targets.docker.settings import DockerSettings
from jupyterhub_anywhere.targets.docker.watching import Exit, ended, exit_in, exit_of
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.registry import broken, kinds
from jupyterhub_anywhere.targets.traits import check_trait
from jupyterhub_anywhere.targets.workers import Workers

FAR = {
    "url": "tcp://big:2376",
    "tls": {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"},
    "host_ip": "10.0.0.7",
    "internal_url": "http://10.0.0.1:8081",
}


def target(**keys: Any) -> DockerTarget:
    info = SiteInfo("hub-one", StatePaths(Path("/none")), Path("/etc/hub"))
    own = DockerSettings.model_validate(keys)
    return DockerTarget("lab", TargetConfig(kind="docker"), own, info)


# --- the declaration ------------------------------------------------------------------------------


def test_the_entry_point_names_it() -> None:
    assert kinds()["docker"] is DockerTarget
    assert "docker" not in broken()


def test_listing_the_kinds_imports_neither_docker_nor_jupyterhub() -> None:
    program = (
        "import sys, jupyterhub_anywhere.targets.docker as d; assert d.DockerTarget;"
        "sys.exit(any(name in sys.modules for name in ('docker', 'dockerspawner', 'jupyterhub')))"
    )
    sources = str(Path(module.__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", program], check=False, env={"PYTHONPATH": sources})
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "ssh://big"}, "later version.*ssh -L"),
        ({"url": "http://big"}, "unix:// or tcp://"),
        ({"url": "unix://run/docker.sock"}, "unix:///path"),
        ({"url": "tcp://big"}, "tcp://host:port"),
        ({"url": "tcp://big:x"}, "tcp://host:port"),
        ({"url": "unix:///run/d.sock", "tls": FAR["tls"]}, "tls belongs to a tcp:// url"),
        ({"tls": FAR["tls"]}, "there is no url"),
        ({**FAR, "host_ip": None}, "needs host_ip:"),
        ({**FAR, "host_ip": None, "internal_url": None}, "needs host_ip and internal_url"),
        ({**FAR, "internal_url": "10.0.0.1:8081"}, "internal_url is an address"),
        ({**FAR, "tls": None}, "insecure: true"),
        ({"class": "dockerspawner"}, "pattern"),
        ({"image": "lab"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_said(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DockerSettings.model_validate(keys)


@pytest.mark.parametrize("keys", [{}, {"url": "unix:///run/d.sock"}, FAR])
def test_what_fits_is_taken(keys: dict[str, Any]) -> None:
    assert DockerSettings.model_validate(keys)


def test_a_far_engine_tells_its_servers_where_the_hub_is() -> None:
    made = target(**FAR, gpu_devices=["0"])
    told = {"host_ip": "10.0.0.7", "hub_connect_url": FAR["internal_url"], "gpu_devices": ["0"]}
    assert made.traits() == told
    assert not made.engine.local
    for name, value in told.items():
        assert check_trait(made.child_class(), name, value) is None


def test_a_local_engine_changes_nothing_by_itself() -> None:
    assert target().traits() == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no.such.Spawner", "cannot be imported: ModuleNotFoundError"),
        ("pathlib.Path", "no subclass of dockerspawner.DockerSpawner"),
        ("dockerspawner.SwarmSpawner", "makes services"),
    ],
)
def test_a_class_that_makes_no_containers_is_refused(name: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        target(**{"class": name}).child_class()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dockerspawner", None)
    with pytest.raises(TargetError, match=r"needs the package dockerspawner.*\[docker\]"):
        target().child_class()


def test_a_subclass_keeps_its_sections_and_comes_behind_the_repairs() -> None:
    made = target(**{"class": "dockerspawner.SystemUserSpawner"}).child_class()
    assert made is target(**{"class": "dockerspawner.SystemUserSpawner"}).child_class()
    assert made.section_names()[-4:] == [
        "DockerSpawner",
        "SystemUserSpawner",
        "AnywhereDockerSpawner",
        "AnywhereSystemUserSpawner",
    ]
    assert check_trait(made, "host_homedir_format_string", "/home/{username}") is None
    assert check_trait(made, "gpus", "some") is not None
    assert check_trait(made, "gpus", "all") is None
    # People know the class that they have named, not the one that we make of it.
    told = check_trait(made, "imaeg", "lab:1")
    assert told == ("SystemUserSpawner has no trait 'imaeg'.", "Did you mean image?")


def test_the_declared_engine_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    plain = {"tls_config": {}, "client_kwargs": {"timeout": 7}}
    found = client_arguments(None, None, tmp_path, **plain)
    assert (found["base_url"], found["timeout"]) == ("tcp://elsewhere:2375", 7)
    found = client_arguments("unix:///run/d.sock", None, tmp_path, **plain)
    assert found == {"version": "auto", "timeout": 7, "base_url": "unix:///run/d.sock"}
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    own = DockerSettings.model_validate(FAR)
    tls = client_arguments(own.url, own.tls, tmp_path, **plain)["tls"]
    assert (tls.verify, tls.ca_cert) == (True, str(tmp_path / "ca.pem"))


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    own = DockerSettings.model_validate(FAR)
    with pytest.raises(DockerException) as caught:
        client_arguments(own.url, own.tls, tmp_path, tls_config={}, client_kwargs={})
    found = unreachable("engine", str(own.url), caught.value)
    missing = f"tls.cert: {tmp_path / 'cert.pem'}: No such file or directory"
    assert found.message == f"{own.url} cannot be asked: {missing}"
    assert "starts from the file's folder" in found.cure


def test_an_engine_without_tls_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert target(**{**FAR, "tls": None}, insecure=True).engine.arguments["base_url"] == FAR["url"]
    assert "without TLS" in caplog.text


# --- failures -------------------------------------------------------------------------------------

PLACE = Place("lab", "unix:///run/d.sock", "lab:1", "jupyter-ann", "net")


def api_error(said: str, status: int = 500, path: str = "/containers/create") -> APIError:
    answer = SimpleNamespace(status_code=status, url=f"http://engine/v1.41{path}", reason="no")
    return APIError("no", response=answer, explanation=said)


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (api_error("write /x: no space left on device"), "disk-full", "is full"),
        (PullError("write /x: no space left on device"), "disk-full", "is full"),
        (
            PullError("toomanyrequests: You have reached your pull rate limit"),
            "registry",
            "too many",
        ),
        (PullError("Get https://r/v2/: x509: certificate signed by unknown"), "registry", "x509"),
        (PullError("unauthorized: authentication required"), "image", "docker login"),
        (PullError("manifest for lab:1 not found: manifest unknown"), "image", "no image lab:1"),
        (api_error("no matching manifest", 404, "/images/create"), "image", "There is no image"),
        (api_error("range of CPUs is from 0.01 to 2.00", 400), "cpu", "Choose fewer"),
        (api_error("port is already allocated"), "port", "cannot be had"),
        (
            api_error('name "/jupyter-ann" is already in use by container "1"', 409),
            "name-conflict",
            "docker rm jupyter-ann",
        ),
        (api_error("unknown or invalid runtime name: nvidia", 400), "gpu", "container toolkit"),
        (api_error("error while mounting volume '/v': no such device"), "volume", "no such device"),
        (api_error("exec format error"), "command", "kind of processor"),
        (
            api_error("something new with the token s3cr3t-token"),
            "engine",
            r"refuses: something new .* \*\*\*\.",
        ),
        (DockerException("PermissionError(13, 'Permission denied')"), "engine", "group `docker`"),
        (DockerException("SSLError: CERTIFICATE_VERIFY_FAILED"), "engine", "trust each other"),
        (DockerException("Read timed out."), "engine", "answer in time"),
        (DockerException("ConnectionRefusedError"), "engine", "Docker has to run"),
        (TargetError("No way.", hint="Go."), "target", "No way. Go."),
    ],
)
def test_causes_and_cures(error: Exception, reason: str, words: str) -> None:
    found = explain(error, PLACE, ["s3cr3t-token"])
    assert found is not None
    assert found.reason == reason
    assert re.search(words, found.jupyterhub_message), found.jupyterhub_message
    assert "s3cr3t-token" not in str(found)


def test_what_is_none_of_dockers_stays_what_it_is() -> None:
    assert explain(RuntimeError("mine"), PLACE) is None
    mine = StartError("mine", reason="mine")
    assert explain(mine, PLACE) is mine


def test_a_long_answer_is_cut() -> None:
    found = explain(api_error("x" * 5000), PLACE)
    assert found is not None
    assert len(found.jupyterhub_message) < 400


def test_how_a_container_ended() -> None:
    assert exit_of({"State": {"Running": True, "Status": "running"}}) is None
    assert exit_of({"State": {"Running": False, "Status": "created"}}) is None
    state = {"Running": False, "Status": "exited", "ExitCode": 137, "OOMKilled": True}
    found = exit_of({"State": state})
    assert found == Exit(137, starved=True)
    events: list[dict[str, Any]] = [
        {"Action": "oom"},
        {"status": "die", "Actor": {"Attributes": {"exitCode": "137"}}},
    ]
    assert exit_in(events) == found
    assert exit_in([{"Action": "die"}]) == Exit(None)
    error = ended(found, [], [], 64 << 20)
    assert "more than its memory limit of 64M" in error.jupyterhub_message
    assert "Its log is empty" in error.jupyterhub_message
    assert "was killed" in ended(Exit(137), ["x" * 999], [], None).jupyterhub_message


# --- pulls ----------------------------------------------------------------------------------------


def layer(name: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": name, "status": status, "progressDetail": detail}


def test_how_far_a_pull_is() -> None:
    news = PullNews("lab:1")
    seen = [news.message]
    for event in (
        {"status": "Pulling from lab", "id": "1"},
        layer("a", "Already exists"),
        layer("b", "Pulling fs layer"),
        layer("c", "Pulling fs layer"),
        layer("b", "Downloading", 400_000_000, 1_000_000_000),
        layer("c", "Downloading", 100_000_000, 200_000_000),
        layer("b", "Download complete"),
        layer("c", "Verifying Checksum"),
        layer("b", "Extracting", 500_000_000, 1_000_000_000),
        layer("b", "Pull complete"),
        layer("c", "Pull complete"),
        {"status": "Status: Downloaded newer image for lab:1"},
    ):
        news.take(event)
        seen.append(news.message)
    assert seen[0] == "Pulling image lab:1"
    assert seen[5] == "Pulling image lab:1: 400.0 MB so far"
    assert [text.rpartition(": ")[2] for text in seen[6:]] == [
        "31 % of 1.2 GB",
        "68 % of 1.2 GB",
        "75 % of 1.2 GB",
        "85 % of 1.2 GB",
        "95 % of 1.2 GB",
        "100 % of 1.2 GB",
        "100 % of 1.2 GB",
    ]


@given(
    st.lists(
        st.builds(
            layer,
            st.sampled_from("abc"),
            st.sampled_from(
                ["Waiting", "Downloading", "Download complete", "Extracting", "Pull complete"]
            ),
            st.integers(0, 1000),
            st.integers(0, 1000),
        )
    )
)
def test_a_pull_never_goes_backwards(events: list[dict[str, Any]]) -> None:
    news, last = PullNews("lab:1"), 0
    for event in events:
        news.take(event)
        assert last <= news.percent <= 100
        last = news.percent


def test_a_pull_that_fails_says_the_registrys_words() -> None:
    with pytest.raises(PullError, match="manifest unknown"):
        PullNews("lab:1").take({"error": "x", "errorDetail": {"message": "manifest unknown"}})


def test_sizes_are_those_of_registries() -> None:
    assert [size(n) for n in (12, 1500, 2_000_000, 8e9)] == ["12 B", "1.5 kB", "2.0 MB", "8.0 GB"]


def test_a_digest_is_no_tag() -> None:
    assert name_and_tag("host:5000/lab@sha256", "abc") == ("host:5000/lab", "sha256:abc")
    assert name_and_tag("host:5000/lab", "1") == ("host:5000/lab", "1")


# --- images, GPUs, labels -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, None),
        ({"allowed_images": "*"}, None),
        ({"allowed_images": []}, None),
        ({"allowed_images": ["a"], "image": "d"}, {"a", "d"}),
        ({"allowed_images": {"A": "a"}}, {"a"}),
        ({"image_whitelist": {"A": "a"}}, {"a"}),
        ({"allowed_images": lambda who: [who.user]}, {"ann"}),
    ],
)
def test_the_hubs_own_images(section: dict[str, Any], expected: set[str] | None) -> None:
    config = Config(DockerSpawner=section, DockerSpawner_lab={"allowed_images": "*"})
    found = permitted(config, ["Spawner", "DockerSpawner"], SimpleNamespace(user="ann"))
    assert found == (None if expected is None else frozenset(expected))


def test_a_list_that_the_configuration_adds_to_counts() -> None:
    config = Config()
    config.DockerSpawner.allowed_images.update({"A": "a"})
    assert permitted(config, ["DockerSpawner"], None) == frozenset({"a"})


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        (0, [], ()),
        (1, ["0"], ("1",)),
        (2, ["1"], ("0", "2")),
        ("all", [], ("0", "1", "2")),
        (["2", "0"], ["1"], ("2", "0")),
    ],
)
def test_free_gpus_are_chosen(wanted: Any, held: list[str], expected: tuple[str, ...]) -> None:
    assert choose(wanted, ["0", "1", "2"], held) == expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [(3, "1 of the GPUs asked for is in use"), (4, "has 3 GPUs"), (["1"], "in use"),
     (["9"], "no GPU 9"), ("all", "in use")],
)  # fmt: skip
def test_gpus_that_cannot_be_had_are_said(wanted: Any, words: str) -> None:
    with pytest.raises(StartError) as caught:
        choose(wanted, ["0", "1", "2"], ["1"])
    assert words in caught.value.jupyterhub_message


def test_device_requests_are_those_of_docker_run() -> None:
    assert device_request(0, ()) is None
    request = device_request(["GPU-1"], ())
    assert request is not None
    assert (request["Count"], request["DeviceIDs"]) == (0, ["GPU-1"])


def test_labels_of_the_site_stay() -> None:
    assert labels.with_labels(["plain"], {"a": "b"}) == {"plain": "", "a": "b"}
    assert labels.with_labels(None, {"a": "b"}) == {"a": "b"}
    assert labels.owner_of({"Labels": {"other": "1"}}) is None
    assert labels.owner_of({"Config": {"Labels": None}}) is None
    owner = labels.Owner("h", "t", "u", "s")
    assert labels.owner_of({"Labels": owner.labels()}) == owner


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("127.0.0.1", 8888), ("127.0.0.1", 8888)),
        ("http://[::1]:8888/", ("::1", 8888)),
        ("https://lab.example.org", ("lab.example.org", 443)),
        (None, ("", 0)),
    ],
)
def test_where_a_server_listens(address: Any, expected: tuple[str, int]) -> None:
    assert host_and_port(address) == expected


def test_loopback_is_told_from_other_addresses() -> None:
    found = [is_loopback(f"http://{host}:1/") for host in ("127.0.0.9", "[::1]", "localhost")]
    assert all(found)
    assert not is_loopback("http://hub:8081/hub/api")


# --- threads --------------------------------------------------------------------------------------


def test_workers_are_bounded_and_end() -> None:
    ended_in: list[str] = []
    workers = Workers(2, "w", at_end=lambda: ended_in.append(threading.current_thread().name))
    go, began = threading.Event(), threading.Semaphore(0)

    def work(number: int) -> int:
        began.release()
        assert go.wait(60)
        return number

    futures = [workers.submit(work, n) for n in range(5)]
    assert all(began.acquire(timeout=60) for _ in range(2))
    assert not began.acquire(blocking=False)
    go.set()
    assert [each.result(60) for each in futures] == list(range(5))
    failing = workers.submit(int, "x")
    assert isinstance(failing.exception(60), ValueError)
    workers.shutdown()
    assert ended_in == ["w", "w"]
    with pytest.raises(RuntimeError, match="closed"):
        workers.submit(int)


def test_idle_threads_end_and_new_ones_come() -> None:
    ended_one = threading.Event()
    workers = Workers(1, "w", idle=0.01, at_end=ended_one.set)
    for _ in range(3):
        ended_one.clear()
        assert workers.submit(int, "7").result(60) == 7
        assert ended_one.wait(60)


def test_what_has_not_begun_can_be_given_up() -> None:
    workers, go, began = Workers(1, "w"), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert go.wait(60)

    running, waiting = workers.submit(work), workers.submit(int)
    assert began.wait(60)
    workers.shutdown(wait=False, cancel_futures=True)
    go.set()
    running.result(60)
    with pytest.raises(CancelledError):
        waiting.result(60)


def test_whose_a_container_is_that_has_a_servers_name() -> None:
    ours = {"Config": {"Labels": {labels.HUB: "hub-one"}}}
    assert labels.another(ours, "hub-one") == ""
    assert labels.another(ours, "hub-two") == "a container of another hub (hub-one)"
    # As stock DockerSpawner makes it, which is taken up.
    stock = {"Config": {"Env": ["PATH=/bin", "JUPYTERHUB_API_TOKEN=secret"]}}
    assert labels.another(stock, "hub-one") == ""
    for stranger in ({"Config": {"Env": ["PATH=/bin"]}}, {"Config": {"Env": None}}):
        assert labels.another(stranger, "hub-one") == "a container that no hub has made"
