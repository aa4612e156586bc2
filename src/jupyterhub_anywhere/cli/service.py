"""``anywhere service``: a systemd unit that runs the hub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.output import answer, tell
from jupyterhub_anywhere.cli.session import (
    Session,
    choose_file,
    file_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@file_option
@click.option("--install", "wanted", is_flag=True, help="Write the unit where it belongs.")
@click.option("--force", is_flag=True, help="With --install: replace a unit that differs.")
@click.option(
    "--keep-servers/--end-servers",
    default=True,
    help="Whether servers live on while the hub is stopped or restarted. Default: they do.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Passed on to `anywhere up`.")
@click.option("--share-account", is_flag=True, help="Passed on to `anywhere up`.")
@click.option("--insecure-http", is_flag=True, help="Passed on to `anywhere up`.")
@session_options
@pass_session
def service(  # noqa: PLR0913 - one parameter an option, as click wants it
    session: Session,
    named: Path | None,
    *,
    wanted: bool,
    force: bool,
    keep_servers: bool,
    port: int | None,
    share_account: bool,
    insecure_http: bool,
) -> None:
    """Print a systemd unit that runs the hub, or install it.

    As root a unit of the machine, else one of your own account's systemd.
    """
    from jupyterhub_anywhere.hub.service_unit import ServiceUnit, install, program, unit_path

    file = choose_file(named)
    if file is not None:
        from jupyterhub_anywhere.config.load import load

        load(file)  # A unit for a file that cannot be read would fail at the next boot.
    system = os.geteuid() == 0
    passed = [] if port is None else ["--port", str(port)]
    passed += ["--share-account"] if share_account else []
    passed += ["--insecure-http"] if insecure_http else []
    unit = ServiceUnit(
        program=program(),
        state=session.paths.root,
        file=None if file is None else file.absolute(),
        arguments=passed,
        keep_servers=keep_servers,
        system=system,
    )
    text = unit.text()
    if not wanted:
        answer(text.rstrip("\n"))
        return
    path = unit_path(system=system)
    written = install(text, path, force=force)
    answer(f"{path} {'is written' if written else 'is there already'}.")
    manager = "systemctl" if system else "systemctl --user"
    tell(
        f"Start it, now and at every boot: {manager} daemon-reload &&"
        f" {manager} enable --now {path.name}"
    )
    if not system:
        tell("To let it run while you are logged out: loginctl enable-linger")
