"""The OpenStack of tests: real, with guests that boot, and gone without trace."""

from __future__ import annotations

import base64
import gzip
import ssl
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.engines.openstack_router import router
from tests.hub.harness import wait_for

from engines import room
from engines.openstack import layout as at
from engines.openstack import seed
from engines.openstack.cloud import OpenStack
from engines.openstack.processes import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]

# A busy machine emulates slowly.
PATIENCE = 300.0


class Listener(ThreadingHTTPServer):
    """Hears from guests: a path is a message, and some are answered with a text."""

    daemon_threads = True

    def __init__(self, gateway: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self.texts: dict[str, bytes] = {}
        super().__init__((gateway, 0), _Handler)
        self.url = f"http://{gateway}:{self.server_port}"

    def said(self, message: str) -> str:
        """The address that a message came from; empty where none came."""
        return next((who for what, who in self.heard if what == f"/{message}"), "")

    def wait(self, message: str) -> str:
        """Wait for a message; the address that it came from."""
        return wait_for(lambda: self.said(message), seconds=PATIENCE, what=f"{message} of a guest")


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        text = self.server.texts.get(self.path, b"ok")
        self.server.heard.append((self.path, self.client_address[0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base's name)
        pass


@pytest.fixture
def listener(openstack: OpenStack) -> Iterator[Listener]:
    server = Listener(openstack.gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def guest(cloud: OpenStack, user_data: bytes | str = "", **about: Any) -> Iterator[str]:
    """A server of the project ``hub``, gone afterwards; its id. Networks by name or id."""
    raw = user_data.encode() if isinstance(user_data, str) else user_data
    body = {
        "name": "guest",
        "imageRef": cloud.seeded.images[about.pop("image", "debian-fast")],
        "flavorRef": cloud.seeded.flavors[about.pop("flavor", "m1.tiny")],
        "networks": [
            {"uuid": cloud.seeded.networks.get(name, name)}
            for name in about.pop("networks", ["hubnet"])
        ],
        **({"user_data": base64.b64encode(raw).decode()} if raw else {}),
        **about,
    }
    with cloud.client() as hub:
        server_id = hub.post("compute", "/servers", {"server": body})["server"]["id"]
    try:
        yield server_id
    finally:
        if cloud.status(server_id):
            cloud.destroy_behind_our_back(server_id)


def script(listener: Listener, *lines: str, say: str = "booted") -> str:
    return "\n".join(["#!/bin/sh", f"curl -s {listener.url}/{say}", *lines, ""])


def test_user_data_of_a_guest_reaches_the_room_and_nothing_is_left(
    openstack: OpenStack, listener: Listener
) -> None:
    with guest(openstack, script(listener)) as server_id:
        address = listener.wait("booted")
        assert openstack.status(server_id) == "ACTIVE"
        port = next(each for each in openstack.ports() if each["device_id"] == server_id)
        assert port["fixed_ips"][0]["ip_address"] == address
        tap = f"tap{port['id'][:11]}"
        assert tap in links()
        assert openstack.hypervisor(server_id)
        openstack.destroy_behind_our_back(server_id)
        assert openstack.hypervisor(server_id) == 0
        assert [each for each in openstack.ports() if each["device_id"] == server_id] == []
        wait_for(lambda: tap not in links(), what="the end of the tap")


def links() -> str:
    done = subprocess.run(["ip", "-br", "link"], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.full
def test_user_data_of_other_kinds_runs_as_cloud_init_runs_it(
    openstack: OpenStack, listener: Listener
) -> None:
    config = f"#cloud-config\nruncmd:\n- [curl, -s, '{listener.url}/config']\n"
    # Numbers and nothing are written as text; what cannot be written costs no other file.
    config += "write_files:\n- {path: /srv/number, content: 7}\n- {path: /srv/empty, content: }\n"
    config += "- {path: /srv, content: no}\n- {path: /srv/written, content: it}\n"
    look = 'test "$(cat /srv/number /srv/empty /srv/written)" = 7it'
    listener.texts["/included"] = script(
        listener, f"{look} && curl -s {listener.url}/complete", say="ran"
    ).encode()
    message = MIMEMultipart()
    message.attach(MIMEText(config, "cloud-config"))
    message.attach(MIMEText(f"#include-once\n{listener.url}/included\n", "x-include-once-url"))
    with guest(openstack, gzip.compress(message.as_bytes())):
        listener.wait("complete")
    # All is fetched, and once, before the first runs.
    said = [what for what, _ in listener.heard]
    assert said == ["/included", "/config", "/ran", "/complete"]


@pytest.mark.full
def test_a_guest_on_two_networks_is_reached_on_both(
    openstack: OpenStack, listener: Listener
) -> None:
    serve = "cd /srv && exec python3 -m http.server 8000 >/dev/null 2>&1 &"
    with guest(openstack, script(listener, serve), networks=["hubnet", "secondnet"]) as server_id:
        listener.wait("booted")
        addresses = [
            each["addr"]
            for network in openstack.server(server_id)["addresses"].values()
            for each in network
        ]
        assert len(addresses) == 2
        wait_for(
            lambda: all(answers(f"http://{each}:8000/") for each in addresses), seconds=PATIENCE
        )


@pytest.mark.full
def test_a_guest_is_told_its_address_by_dhcp(openstack: OpenStack, listener: Listener) -> None:
    """Where a subnet has DHCP the config drive does not tell addresses; its router leads here."""
    admin = openstack.admin
    network = admin.post("network", "/networks", {"network": {"name": "told", "shared": True}})
    network_id = network["network"]["id"]
    router = admin.post("network", "/routers", {"router": {"name": "told"}})["router"]["id"]
    about = {"network_id": network_id, "ip_version": 4, "cidr": "10.81.0.0/24"}
    try:
        subnet = admin.post("network", "/subnets", {"subnet": {**about, "name": "told"}})["subnet"]
        assert subnet["enable_dhcp"]
        body = {"subnet_id": subnet["id"]}
        admin.ask("PUT", "network", f"/routers/{router}/add_router_interface", body)
        with guest(openstack, script(listener), networks=[network_id]) as server_id:
            address = listener.wait("booted")
            port = next(each for each in openstack.ports() if each["device_id"] == server_id)
            assert port["fixed_ips"][0]["ip_address"] == address
        admin.ask("PUT", "network", f"/routers/{router}/remove_router_interface", body)
    finally:
        admin.delete("network", f"/routers/{router}")
        admin.delete("network", f"/networks/{network_id}")


def answers(url: str) -> int:
    """The status with which a server answers; 0 for nothing."""
    try:
        return httpx.get(url, timeout=60, trust_env=False).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.full
def test_a_guest_runs_jupyterhub_singleuser_of_the_hubs_version(
    openstack: OpenStack, listener: Listener
) -> None:
    listener.texts["/hub/api"] = b'{"version": "6.1.1"}'
    settings = {
        "JUPYTERHUB_API_URL": f"{listener.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": "none",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/x/",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/x/",
        "JUPYTERHUB_CLIENT_ID": "x",
        "JUPYTERHUB_USER": "x",
        "HOME": "/home/jovyan",
    }
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    start = f"setpriv --reuid 1000 --regid 1000 --clear-groups env {words} jupyterhub-singleuser"
    lines = ["cd /home/jovyan", f"{start} >/tmp/log 2>&1 &"]
    with guest(openstack, script(listener, *lines), flavor="m1.small"):
        address = listener.wait("booted")
        wait_for(
            lambda: answers(f"http://{address}:8888/user/x/api"),
            seconds=PATIENCE,
            what="JupyterLab's server",
        )


@pytest.mark.full
def test_a_guest_runs_the_stub_that_is_quick(openstack: OpenStack, listener: Listener) -> None:
    lines = [
        f"curl -s {listener.url}/$(jupyterhub-singleuser --version)",
        "export JUPYTERHUB_SERVICE_URL=http://0.0.0.0:8001/user/x/",
        "cd /home/jovyan",
        "exec setpriv --reuid 1000 --regid 1000 --clear-groups jupyterhub-singleuser",
    ]
    with guest(openstack, script(listener, *lines), image="debian-stub"):
        address = listener.wait(version("jupyterhub"))
        url = f"http://{address}:8001/user/x/stub/about"
        wait_for(lambda: answers(url), seconds=PATIENCE, what="the stub")
        about = httpx.get(url, timeout=60, trust_env=False).json()
        assert about["uid"] == 1000


@pytest.mark.full
def test_the_image_without_jupyter_has_none_and_an_account(
    openstack: OpenStack, listener: Listener
) -> None:
    check = f"command -v jupyterhub-singleuser || curl -s {listener.url}/$(id -un 1000)"
    with guest(openstack, script(listener, check), image="debian-bare"):
        listener.wait("jovyan")


@pytest.mark.full
def test_a_reboot_runs_what_is_for_each_boot_and_user_data_once(
    openstack: OpenStack, listener: Listener
) -> None:
    folder = "/var/lib/cloud/scripts/per-boot"
    # What waits for ever is the last that init does; user-data would have run before it.
    last = "until grep -qsa 360[0] /proc/[0-9]*/cmdline; do sleep 1; done"
    ours = f"#!/bin/sh\\n({last}; curl -s {listener.url}/again) &\\n"
    again = f"printf '{ours}' >/usr/local/sbin/ours"
    # A link, whose end is there for who looks from within only; and what is no program.
    linked = f"ln -s /usr/local/sbin/ours {folder}/ours && echo exit 1 >{folder}/notes"
    lines = [again, "chmod +x /usr/local/sbin/ours", linked, "sync"]
    lines.append(f"curl -s {listener.url}/ready")
    with guest(openstack, script(listener, *lines)) as server_id:
        listener.wait("ready")
        openstack.reboot(server_id)
        listener.wait("again")
    assert [what for what, _ in listener.heard].count("/booted") == 1


@pytest.mark.full
def test_a_hypervisor_that_is_killed_is_a_server_that_is_off(
    openstack: OpenStack, listener: Listener
) -> None:
    with guest(openstack, script(listener)) as server_id:
        listener.wait("booted")
        openstack.kill_hypervisor(server_id)
        wait_for(lambda: openstack.status(server_id) == "SHUTOFF", seconds=PATIENCE, what="SHUTOFF")


def test_errors_are_the_clouds_own(openstack: OpenStack) -> None:
    with guest(openstack, flavor="m1.impossible") as server_id:
        wait_for(lambda: openstack.status(server_id) == "ERROR", seconds=PATIENCE)
        assert "No valid host" in openstack.server(server_id)["fault"]["message"]
    with guest(openstack, flavor="fake.nano") as server_id:
        wait_for(lambda: openstack.status(server_id) == "ACTIVE", seconds=PATIENCE)
        assert openstack.hypervisor(server_id) == 0
        openstack.set_error(server_id)
        assert openstack.status(server_id) == "ERROR"


@pytest.mark.full
def test_the_small_project_has_a_quota_that_holds(openstack: OpenStack) -> None:
    body = {
        "name": "one",
        "imageRef": openstack.seeded.images["debian-fast"],
        "flavorRef": openstack.seeded.flavors["fake.nano"],
        "networks": "none",
    }
    with openstack.client(seed.SMALL) as small:
        first = small.post("compute", "/servers", {"server": body})["server"]["id"]
        # Counted is what has a place; what comes in before is judged later, and ends in ERROR.
        wait_for(lambda: openstack.status(first) == "ACTIVE", seconds=PATIENCE)
        with pytest.raises(CloudError, match=r"(?s)^403 .*Quota exceeded for instances"):
            small.post("compute", "/servers", {"server": body})
    openstack.destroy_behind_our_back(first)


@pytest.mark.full
@pytest.mark.parametrize("path", ["", "/keystone", "/identity"])
def test_the_identity_service_answers_under_each_prefix(openstack: OpenStack, path: str) -> None:
    credential = {"id": openstack.credential_id, "secret": openstack.credential_secret}
    identity = {"methods": ["application_credential"], "application_credential": credential}
    known = ssl.create_default_context(cafile=str(openstack.tls / "ca.pem"))
    for root in (f"http://127.0.0.1:{at.KEYSTONE}", openstack.tls_url, "https://127.0.0.1"):
        answer = httpx.post(
            f"{root}{path}/v3/auth/tokens",
            json={"auth": {"identity": identity}},
            verify=known,
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 201
        listed = {each["type"]: each for each in answer.json()["token"]["catalog"]}
        public = {
            kind: next(e["url"] for e in each["endpoints"] if e["interface"] == "public")
            for kind, each in listed.items()
        }
        assert public["identity"] == openstack.auth_url
        assert set(public) >= {"compute", "image", "network", "placement"}


def test_tokens_end_when_told(openstack: OpenStack) -> None:
    with openstack.client() as hub:
        hub.log_in()
        token = hub.token
        openstack.set_token_seconds(2)
        try:
            hub.log_in()
            short = hub.token
            wait_for(lambda: not valid(short), seconds=60, what="the end of a token")
            assert valid(token)
        finally:
            openstack.set_token_seconds(86_400)
        openstack.expire_tokens()
        assert not valid(token)
        # Who is refused logs in again.
        assert hub.get("compute", "/servers") == {"servers": []}


def valid(token: str) -> bool:
    answer = httpx.get(
        f"{at.AUTH_URL}/auth/projects",
        headers={"X-Auth-Token": token},
        timeout=60,
        trust_env=False,
    )
    return answer.status_code == 200


@pytest.mark.full
def test_a_stopped_broker_and_a_paused_service_come_back(openstack: OpenStack) -> None:
    openstack.stop_rabbit()
    try:
        # What is asked of the database alone is answered.
        assert openstack.servers() == []
    finally:
        openstack.start_rabbit()
    with openstack.paused("nova-api"), pytest.raises(httpx.ReadTimeout):
        httpx.get(f"http://127.0.0.1:{at.NOVA}/", timeout=1, trust_env=False)
    openstack.stop_api("glance")
    assert answers(f"http://127.0.0.1:{at.GLANCE}/") == 0
    openstack.start_api("glance")
    with guest(openstack, flavor="fake.nano") as server_id:
        wait_for(lambda: openstack.status(server_id) == "ACTIVE", seconds=PATIENCE)


def test_volumes_that_were_not_fetched(
    openstack: OpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.openstack.supplies.volumes_path", lambda: tmp_path / "none")
    with pytest.raises(CloudError, match="Cure: ANYWHERE_OPENSTACK=full"):
        openstack.start_volumes()


@pytest.mark.full
def test_a_volume_goes_from_guest_to_guest(volumes: OpenStack, listener: Listener) -> None:
    files = volumes.layout.var / "cinder/volumes"
    with volumes.client() as hub:
        body = {"volume": {"name": "home", "size": 1}}
        volume = hub.post("volumev3", "/volumes", body)["volume"]["id"]

        def status() -> str:
            told: str = hub.get("volumev3", f"/volumes/{volume}")["volume"]["status"]
            return told

        wait_for(lambda: status() == "available", seconds=PATIENCE, what="the volume")
        assert len(list(files.iterdir())) == 1
        wait = "until test -b /dev/vdb; do sleep 0.2; done"
        write = ["mkfs.ext4 -q /dev/vdb", "mount /dev/vdb /mnt", "echo kept >/mnt/file"]
        written = script(listener, wait, *write, "umount /mnt", f"curl -s {listener.url}/written")
        with guest(volumes, written) as server_id:
            # At a guest that runs; and taken from it again.
            listener.wait("booted")
            attachments = f"/servers/{server_id}/os-volume_attachments"
            hub.post("compute", attachments, {"volumeAttachment": {"volumeId": volume}})
            listener.wait("written")
            assert status() == "in-use"
            hub.delete("compute", f"{attachments}/{volume}")
            wait_for(lambda: status() == "available", seconds=PATIENCE, what="its return")
            assert volumes.status(server_id) == "ACTIVE"
        # At one that is made with it; and left where that one is deleted.
        disk = {"boot_index": -1, "uuid": volume, "source_type": "volume"}
        disks = [_root(volumes), {**disk, "destination_type": "volume"}]
        read = script(listener, "mount /dev/vdb /mnt", f"curl -s {listener.url}/$(cat /mnt/file)")
        with guest(volumes, read, block_device_mapping_v2=disks):
            listener.wait("kept")
            assert status() == "in-use"
        wait_for(lambda: status() == "available", seconds=PATIENCE, what="its return")
        hub.delete("volumev3", f"/volumes/{volume}")
        wait_for(lambda: not hub.get("volumev3", "/volumes")["volumes"], seconds=PATIENCE)
    assert list(files.iterdir()) == []


def _root(cloud: OpenStack, **more: Any) -> dict[str, Any]:
    """The disk that a guest boots from."""
    image = cloud.seeded.images["debian-fast"]
    disk = {"boot_index": 0, "uuid": image, "source_type": "image", "destination_type": "local"}
    return {**disk, "delete_on_termination": True, **more}


@pytest.mark.full
def test_a_guest_boots_from_a_volume(volumes: OpenStack, listener: Listener) -> None:
    disk = _root(
        volumes,
        uuid=volumes.seeded.images["debian-bare"],
        destination_type="volume",
        volume_size=3,
    )
    with volumes.client() as hub:
        with guest(volumes, script(listener), block_device_mapping_v2=[disk], image="debian-bare"):
            listener.wait("booted")
            made = hub.get("volumev3", "/volumes/detail")["volumes"]
            assert [(each["status"], each["size"]) for each in made] == [("in-use", 3)]
        wait_for(lambda: not hub.get("volumev3", "/volumes")["volumes"], seconds=PATIENCE)


@pytest.mark.full
def test_a_floating_address_leads_to_a_guest(openstack: OpenStack, listener: Listener) -> None:
    serve = "cd /srv && exec python3 -m http.server 8000 >/dev/null 2>&1 &"
    admin = openstack.admin
    with guest(openstack, script(listener, serve)) as server_id:
        listener.wait("booted")
        port = next(each for each in openstack.ports() if each["device_id"] == server_id)
        subnet = port["fixed_ips"][0]["subnet_id"]
        with router(openstack, port["network_id"], subnet) as external:
            floating = {"floating_network_id": external, "port_id": port["id"]}
            made = admin.post("network", "/floatingips", {"floatingip": floating})["floatingip"]
            address = made["floating_ip_address"]
            wait_for(lambda: answers(f"http://{address}:8000/"), seconds=PATIENCE)
            admin.delete("network", f"/floatingips/{made['id']}")
            wait_for(lambda: address not in nat_rules(), what="the end of the translation")


def nat_rules() -> str:
    done = subprocess.run(
        ["iptables-save", "-t", "nat"], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_a_cloud_is_one_in_its_room_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANYWHERE_ROOM")
    with pytest.raises(room.RoomError, match="in a room of their own"):
        OpenStack(tmp_path)


# In a room of its own: what one cloud has, another one there would ask for.
BROKEN = """
    import subprocess, sys
    from engines import room
    from engines.openstack import layout as at, stack
    from engines.openstack.cloud import OpenStack
    from engines.openstack.processes import CloudError

    stack.APIS["keystone"] = stack.Api("identity", at.KEYSTONE, "no_such_module:application")
    cloud = OpenStack(room.current() / "broken")
    try:
        with cloud:
            pass
    except CloudError as error:
        print(error)
    print("processes:", sorted(cloud.processes.left()))
    print("files:", cloud.folder.exists())
    print(subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout)
    print(subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True).stdout)
"""


@pytest.mark.full
def test_a_cloud_that_cannot_start_says_why_and_leaves_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engines.room", sys.executable, "-c", textwrap.dedent(BROKEN)],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    told = done.stdout
    assert "keystone has ended before answer" in told
    assert "no_such_module" in told
    assert "processes: []\nfiles: False\n" in told
    # Of the broker, the database and the hypervisor, none is left, nor the network.
    for name in ("beam", "epmd", "mariadbd", "libvirtd", "wires.py", at.BRIDGE):
        assert name not in told.partition("files:")[2]
