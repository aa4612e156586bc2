"""``anywhere status``: what runs, where it answers, where its logs are; also without the hub."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.errors import AnywhereError, StateError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub import servers
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.hub.servers import ServerStatus
from jupyterhub_anywhere.hub.uprecord import read_up
from jupyterhub_anywhere.spawner import left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.core.state import StatePaths


@dataclass(frozen=True, slots=True)
class Status:
    """What runs on one state folder.

    Attributes:
        running: Whether a hub runs.
        answers: Whether it answers on its control socket.
        url: The address people open; the last one where no hub runs.
        file: The configuration; empty for the built-in default.
        state: The state folder.
        since: When the hub was started, seconds since 1970; 0 when unknown.
        hub_pid: The hub's process; None without.
        proxy_pid: The proxy's process; None without.
        ports: ``hub`` and ``proxy_api`` to port, on 127.0.0.1.
        servers: Every server that runs, is kept, or is not gone yet.
        logs: Name to path of each log file.
        doors: Addresses at which the hub's API listens beside 127.0.0.1, for containers.
        targets: Every target, see `report.TargetRow`; empty where no ledger was asked.
        hold: Why nothing is removed until a person decides; empty where nothing holds it up.
        ledger: Why the ledger cannot be read, and the next step; empty where it can, and where
            there is none yet. Servers may be missing then.
    """

    running: bool
    answers: bool
    url: str
    file: str
    state: str
    since: float
    hub_pid: int | None
    proxy_pid: int | None
    ports: Mapping[str, int]
    servers: tuple[ServerStatus, ...]
    logs: Mapping[str, str]
    doors: tuple[str, ...]
    targets: tuple[Mapping[str, Any], ...] = ()
    hold: str = ""
    ledger: str = ""

    @property
    def busy(self) -> bool:
        """Whether something runs, or may run, that was started from here."""
        return any(each.alive for each in self.servers)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def status(paths: StatePaths) -> Status:
    """Find out what runs on a state folder; makes nothing and changes nothing.

    Raises:
        StateError: The folder is another account's.
    """
    try:
        record = read_up(paths)
        logs = sorted(paths.logs.glob("*.log")) if paths.logs.is_dir() else []
    except PermissionError:
        raise StateError(
            f"The state folder {paths.root} is another account's.", hint="Run this as that account."
        ) from None
    running = record is not None and record.alive
    told = _ask(paths, "status") if running else None
    found = servers.by_hub(told, _ask(paths, "leases")) if told else servers.alone(paths, record)
    proxy = read_json(paths.proxy)
    process = ProcessId.from_json(proxy.get("process"))
    ports = {name: proxy.get(f"{name}_port") for name in ("hub", "api")}
    return Status(
        running=running,
        answers=told is not None,
        url=record.url if record else "",
        file=str(record.file or "") if record else "",
        state=str(paths.root),
        since=record.since if record else 0.0,
        hub_pid=record.process.pid if record and running and record.process else None,
        proxy_pid=process.pid if process is not None and process.alive() else None,
        ports={
            "proxy_api" if name == "api" else name: port
            for name, port in ports.items()
            if isinstance(port, int)
        },
        servers=(*found.servers, *_left(paths)),
        logs={path.stem: str(path) for path in logs},
        doors=tuple(map(str, (told or {}).get("doors", ()))),
        targets=found.targets,
        hold=found.hold,
        ledger=found.ledger,
    )


def _ask(paths: StatePaths, command: str) -> dict[str, Any] | None:
    from jupyterhub_anywhere.hub.control import ask

    try:
        return ask(paths, command, seconds=10.0)
    except AnywhereError:
        return None


def row(user: str, server: str, spawner: Any) -> dict[str, Any] | None:
    """A server as the running hub tells of it on its control socket; None where none is up.

    Args:
        user: Whose.
        server: Its name.
        spawner: The hub's spawner.
    """
    if not (spawner.active or spawner.pending):
        return None
    choice = spawner.user_options or {}
    unknown = getattr(spawner, "unknown_because", "")
    told = [f"cannot be asked: {unknown}"] if unknown else []
    return {
        "user": user,
        "server": server,
        "state": spawner.pending or "ready",
        "profile": str(choice.get("profile") or ""),
        # A server that another spawner has started has a target without a choice.
        "target": getattr(spawner, "anywhere_target", "") or str(choice.get("target") or ""),
        "detail": "; ".join([*told, *filter(None, [getattr(spawner, "version_notice", "")])]),
    }


def _left(paths: StatePaths) -> list[ServerStatus]:
    """What stops that failed may have left."""
    found = []
    for each in left.entries(paths):
        user, _, server = str(each.get("server")).partition(":")
        target, detail = str(each.get("target")), str(each.get("reason"))
        found.append(ServerStatus(user, server, target, state="left", detail=detail))
    return found
