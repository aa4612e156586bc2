"""Building a foreign class once to see whether it can be built, in a process of its own.

A constructor may raise, end the program (systemdspawner does where it misses something), or never
return. Inside the hub that is found at the first start of a server. Here it is found before, with
what the hub would give: a user with a server in a database, settings, and a running loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final, TextIO

from jupyterhub_anywhere.targets.classes import load_class

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


SECONDS: Final = 30.0
# Seconds. A busy machine takes many to import JupyterHub.
_SECONDS_TO_BEGIN: Final = 120.0
_PROGRAM: Final = "from jupyterhub_anywhere.targets.trial import main; main()"
# Characters. Longer causes are cut; tracebacks belong into a log.
_LONGEST: Final = 500


async def tried(
    spawner_class: str,
    target: str,
    values: Mapping[str, Any],
    *,
    secrets: Collection[str] = (),
    seconds: float = SECONDS,
) -> str:
    """Build a class in a process of its own.

    Args:
        spawner_class: ``package.module.Class``.
        target: The target's name.
        values: Its settings.
        secrets: Texts that are cut out of what is returned.
        seconds: How long it may take, once JupyterHub is imported there.

    Returns:
        Why it cannot be built; empty where it can.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    request = json.dumps({"class": spawner_class, "target": target, "values": dict(values)})
    try:
        async with asyncio.timeout(_SECONDS_TO_BEGIN) as patience:
            output = await _talk(process, request, lambda: _from_now(patience, seconds))
    except TimeoutError:
        return f"its constructor has not returned within {seconds:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        cause = str(json.loads(output.decode())["cause"])
    except (ValueError, KeyError, TypeError):
        return f"it ends the program with status {process.returncode}"
    for secret in sorted(secrets, key=len, reverse=True):
        cause = cause.replace(secret, "…")
    return cause if len(cause) <= _LONGEST else f"{cause[: _LONGEST - 1]}…"


async def _talk(
    process: asyncio.subprocess.Process, request: str, begun: Callable[[], None]
) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    process.stdin.write(request.encode())
    process.stdin.close()
    if await process.stdout.readline():
        begun()
    output = await process.stdout.read()
    await process.wait()
    return output


def _from_now(patience: asyncio.Timeout, seconds: float) -> None:
    patience.reschedule(asyncio.get_running_loop().time() + seconds)


def texts(value: object) -> set[str]:
    """Every text in plain data, except empty ones."""
    if isinstance(value, dict):
        return set().union(*map(texts, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(texts, value))
    return {value} if isinstance(value, str) and value else set()


# --- in the other process ------------------------------------------------------------------------


def main() -> None:
    """Read a request from stdin, try, and write the answer to what was stdout."""
    request = json.load(sys.stdin)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answer:
        # What the class prints must not be taken for the answer.
        with redirect_stdout(sys.stderr):
            cause = asyncio.run(_cause(request, answer))
        json.dump({"cause": cause}, answer)
        answer.flush()
        # Threads that the class has started must not keep this process.
        os._exit(0)


async def _cause(request: Mapping[str, Any], answer: TextIO) -> str:
    user = _user()
    print("begun", file=answer, flush=True)
    try:
        _build(request, user)
    except BaseException as error:  # noqa: BLE001 - SystemExit above all; this process has no other work
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
    return ""


def _user() -> Any:
    """A user of a hub, with a server in a database."""
    from jupyterhub import orm
    from jupyterhub.objects import Hub
    from jupyterhub.user import User
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    session = Session(engine)
    row = orm.User(name="trial")
    session.add(row)
    session.commit()
    return User(row, {"base_url": "/", "hub": Hub()})


def _build(request: Mapping[str, Any], user: Any) -> None:
    from traitlets.config import Config

    from jupyterhub_anywhere.targets.specialise import merged_config, specialise

    target = request["target"]
    child = load_class(request["class"], target)
    cls = specialise(child, target, type("Alone", (), {}), {})
    user.settings["config"] = merged_config(Config(), cls, request["values"])
    user.settings["spawner_class"] = cls
    user.spawner.load_state({})
