"""What goes wrong in clouds, done on purpose: the ways to break one, and to mend it again."""

from __future__ import annotations

import contextlib
import os
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.openstack import backing, config, stack
from engines.openstack.client import wait_until
from engines.openstack.processes import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.client import Client
    from engines.openstack.layout import Layout
    from engines.openstack.processes import Processes


class Faults:
    """Ways to break a cloud, and to look at it from behind.

    Attributes:
        layout: Its files.
        processes: What runs.
        admin: A client with all rights.
    """

    layout: Layout
    processes: Processes
    admin: Client

    def hypervisor(self, server_id: str) -> int:
        """The id of the process that is a guest's machine; 0 where none is."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = entry.read_bytes().split(b"\0")
                if b"qemu" in words[0] and server_id.encode() in words:
                    return int(entry.parent.name)
        return 0

    def kill_hypervisor(self, server_id: str) -> None:
        """Let a guest's machine lose power; Nova finds out within ten seconds or so.

        Raises:
            CloudError: It has none.
        """
        pid = self.hypervisor(server_id)
        if not pid:
            raise CloudError(f"Server {server_id} runs on no hypervisor.")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.hypervisor(server_id), f"The end of {server_id}'s hypervisor")

    def destroy_behind_our_back(self, server_id: str) -> None:
        """Delete a server as somebody at the cloud's console does, and wait until it is gone."""
        self.admin.delete("compute", f"/servers/{server_id}")
        wait_until(lambda: self.status(server_id) == "", f"The end of server {server_id}")

    def status(self, server_id: str) -> str:
        """A server's status as Nova says it (``ACTIVE``, ``ERROR`` …); empty where it is gone."""
        try:
            told = self.admin.get("compute", f"/servers/{server_id}")["server"]
        except CloudError as error:
            if str(error).startswith("404 "):
                return ""
            raise
        return str(told["status"])

    def act(self, server_id: str, action: str, about: Any = None) -> Any:
        """Let Nova act on a server (``os-stop``, ``suspend`` …); its answer."""
        return self.admin.post("compute", f"/servers/{server_id}/action", {action: about})

    def reboot(self, server_id: str) -> None:
        """Reboot a guest the hard way; it is not yet back when this returns."""
        old = self.hypervisor(server_id)
        self.act(server_id, "reboot", {"type": "HARD"})
        wait_until(
            lambda: self.hypervisor(server_id) not in {0, old}, f"A new machine of {server_id}"
        )

    def set_error(self, server_id: str) -> None:
        """Let Nova say that a server is in error; its guest runs on."""
        self.act(server_id, "os-resetState", {"state": "error"})

    def console_log(self, server_id: str) -> str:
        """What a guest has said on its serial console."""
        return str(self.act(server_id, "os-getConsoleOutput", {})["output"])

    def stop_rabbit(self) -> None:
        """Stop the broker: APIs answer, and nothing happens."""
        self.processes.stop("rabbit", gently=True)

    def start_rabbit(self) -> None:
        """Start the broker again, with the queues that it had."""
        backing.start_broker(self.layout, self.processes)
        backing.wait_for_broker(self.processes)

    def stop_api(self, name: str) -> None:
        """Stop a service (`stack.APIS`, `stack.LATER`): connections are refused."""
        self.processes.stop(name)

    def start_api(self, name: str) -> None:
        """Start a service again, and wait until it answers."""
        stack.start_api(self.layout, self.processes, name)
        stack.wait_for_api(self.processes, name)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Within, a process (`stack.APIS`, `stack.WORKERS`) takes connections, and is silent."""
        self.processes.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.processes.signal(name, signal.SIGCONT)

    def set_token_seconds(self, seconds: int) -> None:
        """Let new tokens live so long; those that are out keep their time."""
        self.layout = replace(self.layout, token_seconds=seconds)
        config.write(self.layout)
        self.stop_api("keystone")
        self.start_api("keystone")

    def expire_tokens(self) -> None:
        """Let the identity service take no token that is out; others may hold theirs for minutes.

        Its keys are thrown away, as after a restore from a backup.
        """
        self.stop_api("keystone")
        keys = self.layout.var / "keystone/fernet-keys"
        for key in keys.iterdir():
            key.unlink()
        words = ["keystone-manage", "--config-dir", f"{self.layout.etc}/keystone", "fernet_setup"]
        root = ["--keystone-user", "root", "--keystone-group", "root"]
        self.processes.run([*self.layout.program(*words), *root])
        self.start_api("keystone")
