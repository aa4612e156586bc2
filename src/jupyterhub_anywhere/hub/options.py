"""What `anywhere up` is told, and what it tells when the hub runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class UpOptions:
    """How to run a hub on this machine.

    Attributes:
        file: The configuration; None for the built-in default.
        state_root: The state folder.
        port: The public port, instead of the one of the configuration.
        share_account: As an ordinary user: let several names in, all under this account.
        insecure_http: Serve plain http to other machines.
        keep_servers: Leave servers and proxy running at the end.
        verbose: Write the hub's log to standard error as well.
        on_ending: Called once when the end was asked for, with what is awaited.
    """

    file: Path | None
    state_root: Path
    port: int | None = None
    share_account: bool = False
    insecure_http: bool = False
    keep_servers: bool = False
    verbose: bool = False
    on_ending: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A hub that answers.

    Attributes:
        url: The address people open.
        new_passwords: ``users`` and ``admins`` to passwords made at this start, to be shown once.
        notes: What an administrator should know, one sentence each.
    """

    url: str
    new_passwords: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
