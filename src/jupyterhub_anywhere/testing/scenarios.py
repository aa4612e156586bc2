"""The conversations that are held, and which rows of the table each one speaks about."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from jupyterhub.utils import maybe_future

from jupyterhub_anywhere.testing.sides import PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyterhub_anywhere.testing.talk import Conversation, Talk
    from jupyterhub_anywhere.testing.world import Subject

SECOND: Final = "second"
OTHER: Final = "other"
"""A second target of the same class."""
# Seconds. Servers that are well have to answer within the second one.
_TIMEOUT: Final = 3
_ANSWER: Final = 8
Kind = Literal["error", "cancel", "restart"]
_KINDS: Final[tuple[Kind, ...]] = ("error", "cancel", "restart")


@dataclass(frozen=True)
class Scenario:
    """One conversation.

    Attributes:
        name: Names it in reports and in the list of exceptions.
        rows: The rows that it speaks about.
        hold: Holds it with one side.
        extra: More trait values of the class, on both sides.
        ssl: Whether hub and servers speak TLS to each other.
        ours_only: There is no such thing with the bare class; it checks by itself.
    """

    name: str
    rows: tuple[str, ...]
    hold: Conversation
    extra: Mapping[str, Any] = field(default_factory=dict)
    ssl: bool = False
    ours_only: bool = False


def scenarios(subject: Subject) -> Iterator[Scenario]:
    """All conversations for a subject."""
    servers = ("", SECOND) if subject.named_servers else ("",)
    for server in servers:
        yield Scenario(f"life-{_word(server)}", _life_rows(server), partial(life, server=server))
    for name, extra in subject.variants.items():
        yield Scenario(f"life-{name}", ("R6", "R7"), partial(life, server=""), extra)
    if subject.named_servers:
        yield Scenario("both-servers", ("R3", "R4"), both_servers)
    yield Scenario("options", ("R1", "R10"), options)
    yield Scenario("form", ("R9", "R26") if subject.form_fields else ("R26",), form)
    yield Scenario("progress", ("R8", "R12"), progress)
    yield Scenario("bad-choice", ("R20", "R27"), bad_choice, ours_only=True)
    if "R24" not in subject.not_applicable:
        yield Scenario("two-targets", ("R24",), two_targets, ours_only=True)
    if subject.ssl:
        for server in servers:
            yield Scenario(f"ssl-{_word(server)}", ("R14",), partial(life, server=server), ssl=True)
    timeouts = {"start_timeout": _TIMEOUT, "http_timeout": _TIMEOUT}
    yield Scenario("timeout", ("R13", "R25"), timeout, timeouts)
    yield from _faults(subject, servers)


def _faults(subject: Subject, servers: tuple[str, ...]) -> Iterator[Scenario]:
    """Every fault at every step for every server; or every pair of these once."""
    for number, step in enumerate(subject.world.steps):
        for other, kind in enumerate(_KINDS):
            rows = ("R4", "R25") if kind == "restart" else ("R25",)
            for which, server in enumerate(servers):
                if subject.coverage == "pairwise" and (number + other) % len(servers) != which:
                    continue
                name = f"{kind}-{step.replace(' ', '-')}-{_word(server)}"
                if kind == "error":
                    hold = partial(failing, step=step, server=server)
                else:
                    hold = partial(hanging, step=step, server=server, kind=kind)
                # Nobody looks whether a program has ended while the hub waits for its answer.
                extra = {"http_timeout": _ANSWER} if kind == "error" else {}
                yield Scenario(name, rows, hold, extra)


def _word(server: str) -> str:
    return "named" if server else "default"


def _life_rows(server: str) -> tuple[str, ...]:
    rows = "2 4 5 6 7 11 12 13 15 16 17 18 19 20 21 22 23 27"
    return tuple(f"R{each}" for each in (*(["3"] if server else []), *rows.split()))


# --- the conversations ---------------------------------------------------------------------------


async def life(talk: Talk, *, server: str) -> None:
    """From the first look at a server to its deletion."""
    await talk.begin()
    if server:
        await talk.note("made", await talk.hub.api("PUT", talk.path(server), {}))
    talk.hub.spawner(talk.user, server)
    await talk.note("look")
    await talk.start(server)
    await talk.note("told from outside", reaches=_tell(talk, server))
    await talk.restart(server)
    await talk.note("address", url=await talk.hub.spawner(talk.user, server).get_url())
    await talk.stop(server)
    await talk.start(server, step="start again")
    await talk.stop(server, step="stop again")
    await talk.restart()
    if server:
        reply = await talk.hub.api("PATCH", talk.path(server), {"name": "third"})
        await talk.note("rename", reply)
        reply = await talk.hub.api("DELETE", talk.path("third"), {"remove": True})
        await talk.note("remove", reply)
    reply = await talk.hub.api("DELETE", f"users/{talk.user}")
    await talk.note("the user is deleted", reply)


def _tell(talk: Talk, server: str) -> Any:
    """Set, at the hub's spawner, a trait that only the class itself has; then take it back."""
    spawner, child = talk.hub.spawner(talk.user, server), talk.child(server)
    if child is None:
        return "there is no spawner"
    name = next((name for name in sorted(_own_texts(child))), "")
    if not name:
        return "no trait of its own"
    before = getattr(child, name)
    setattr(spawner, name, "told")
    reached = getattr(child, name) == "told" and getattr(spawner, name) == "told"
    setattr(spawner, name, before)
    return {name: reached}


def _own_texts(child: Any) -> Iterator[str]:
    from jupyterhub.spawner import Spawner
    from traitlets import Unicode

    for name, trait in child.traits(config=True).items():
        if isinstance(trait, Unicode) and not Spawner.class_traits().get(name):
            with suppress(Exception):
                if isinstance(getattr(child, name), str):
                    yield name


async def both_servers(talk: Talk) -> None:
    """Two servers of one user do not meet."""
    await talk.begin()
    await talk.start("")
    await talk.start(SECOND, step="start the named one")
    await talk.restart("", SECOND)
    await talk.stop("")
    await talk.stop(SECOND, step="stop the named one")


async def options(talk: Talk) -> None:
    """A choice of the class's own, remembered for starts without one."""
    await talk.begin()
    await talk.start("", talk.side.subject.options)
    await talk.stop("")
    await talk.start("", step="start without options")
    await talk.restart("")
    await talk.stop("", step="stop again")


async def form(talk: Talk) -> None:
    """The class's own form, and what is sent with it."""
    await talk.begin()
    spawner = talk.hub.spawner(talk.user, "")
    shown = await spawner.get_options_form()
    ours = talk.side.which == "ours"
    if ours:
        talk.check("<script>alert" not in shown, "a profile's title is not escaped")
    fields = {name: [value] for name, value in talk.side.subject.form_fields.items()}
    sent = {**fields, "menu:profile": [PROFILE]} if ours else fields
    from_form = await maybe_future(spawner.run_options_from_form(sent))
    from_query = await maybe_future(spawner.options_from_query(sent))
    await talk.note(
        "form",
        **{"~form": shown},
        options=from_form["child"] if ours else from_form,
        query=from_query["child"] if ours else from_query,
    )
    await talk.start("", from_form["child"] if ours else from_form)
    await talk.stop("")


async def progress(talk: Talk) -> None:
    """The events of a start, read by somebody who comes in its midst."""
    await talk.begin()
    step = talk.side.world.steps[0]
    before = len(talk.side.world.calls)
    talk.side.world.fault(step, "hang")
    start = asyncio.create_task(talk.ask_start(""))
    await talk.reached(step, before, start)
    seen = asyncio.Event()
    path = f"{talk.path('')}/progress"
    events = asyncio.create_task(talk.hub.events(path, lambda _: seen.set()))
    await seen.wait()
    talk.side.world.fault(step, None)
    reply = await start
    # Stages are told beside the class's own events; what a class itself calls one has a percentage.
    told: dict[bool, list[Any]] = {True: [], False: []}
    for event in await events:
        told["stage" in event and "percent" not in event].append(event)
    stages = [event["stage"] for event in told[True]]
    await talk.note("progress", reply, events=told[False], stages=stages)
    await talk.stop("")


async def bad_choice(talk: Talk) -> None:
    """A choice that is refused starts nothing, at no place."""
    await talk.begin()
    before = len(talk.side.world.calls)
    for body in ({"profile": "nope"}, {"profile": PROFILE, "target": "nope"}, {"image": "x"}):
        reply = await talk.hub.api("POST", talk.path(""), body)
        talk.check(400 <= reply.status < 500, f"{body} is answered with {reply}")  # noqa: PLR2004
    asked = talk.side.world.calls[before:]
    talk.check(not asked, f"the back end was asked {asked}")
    talk.check(not talk.side.world.alive(), "something was made")
    info = (await talk.hub.api("GET", "info")).body["spawner"]["class"]
    talk.check(info.endswith(".AnywhereSpawner"), f"the hub's spawner is {info}")


async def two_targets(talk: Talk) -> None:
    """A server at each of two targets of one class: each asks its own back end only."""
    (elsewhere,) = talk.side.more_targets.values()
    await talk.begin()
    reply = await talk.ask_start("", {})
    talk.check(reply.status == 201, f"the start is answered with {reply}")  # noqa: PLR2004
    talk.check(not elsewhere.calls, f"the other back end was asked {elsewhere.calls}")
    here = list(talk.side.world.alive())
    await talk.stop("")
    before = len(talk.side.world.calls)
    reply = await talk.ask_start("", {}, OTHER)
    talk.check(reply.status == 201, f"the other start is answered with {reply}")  # noqa: PLR2004
    talk.check(elsewhere.alive(), "nothing was made at the other back end")
    asked = talk.side.world.calls[before:]
    talk.check(not asked, f"the first back end was asked {asked}")
    talk.check(here, "nothing was made at the first back end")
    await talk.restart("")
    await talk.stop("")


async def timeout(talk: Talk) -> None:
    """The back end does not answer, longer than the class's own timeouts allow."""
    await talk.begin()
    step = talk.side.world.held or talk.side.world.steps[0]
    before = len(talk.side.world.calls)
    talk.side.world.fault(step, "hang")
    start = asyncio.create_task(talk.ask_start(""))
    await talk.reached(step, before, start)
    await _given_up(talk, "", start)
    talk.side.world.fault(step, None)
    reply = await start
    await talk.settled("")
    await talk.note("timeout", reply)


async def _given_up(talk: Talk, server: str, start: asyncio.Task[Any]) -> None:
    """Wait until the hub has begun to clean up after a start."""

    def over() -> bool:
        spawner = talk.hub.spawner(talk.user, server)
        future = spawner._spawn_future  # noqa: SLF001 - the hub's own
        return start.done() or spawner._stop_pending or future is None or future.done()  # noqa: SLF001 - the hub's own

    await talk.until(over, "the hub's giving up")


async def failing(talk: Talk, *, step: str, server: str) -> None:
    """A step of the back end fails; then all is well again."""
    await talk.begin()
    talk.side.world.fault(step, "error")
    await talk.start(server)
    await talk.stop(server)
    talk.side.world.fault(step, None)
    await talk.start(server, step="start again")
    await talk.stop(server, step="stop again")


async def hanging(talk: Talk, *, step: str, server: str, kind: Kind) -> None:
    """A start is cancelled, or the hub ends, while the back end is at a step; then all is well."""
    await talk.begin()
    world = talk.side.world
    before = len(world.calls)
    world.fault(step, "hang")
    task = asyncio.create_task(talk.ask_start(server))
    reached = "start" if await talk.reached(step, before, task) else ""
    others = [task]
    if reached and kind == "cancel":
        future = talk.hub.spawner(talk.user, server)._spawn_future  # noqa: SLF001 - the hub's own
        others.append(asyncio.create_task(talk.hub.api("DELETE", talk.path(server))))
        await talk.until(lambda: future is None or future.done(), "the cancelling")
    elif not reached:
        others.append(asyncio.create_task(talk.hub.api("DELETE", talk.path(server))))
        if await talk.reached(step, before, others[-1]):
            reached = "stop"
    if kind == "restart":
        await talk.end_hub()
    world.fault(step, None)
    await _answers(others[-1:])
    await _answers(others, cancel=True)
    if kind == "restart":
        await talk.hub.start()
    await talk.settled(server)
    await talk.note(kind, reached=reached)
    await talk.stop(server)
    await talk.start(server, step="start again")
    await talk.stop(server, step="stop again")


async def _answers(tasks: list[asyncio.Task[Any]], *, cancel: bool = False) -> None:
    """Wait for answers. To a start that was cancelled, the stock hub gives none."""
    for task in tasks:
        if cancel:
            task.cancel()
        with suppress(OSError, asyncio.CancelledError, Exception):
            await task
