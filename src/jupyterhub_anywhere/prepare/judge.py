"""Which of the things that are there is the wanted one, and whether it is ours. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.expiry import SOON, finding
from jupyterhub_anywhere.prepare.steps import Do, Step
from jupyterhub_anywhere.prepare.survey import only
from jupyterhub_anywhere.prepare.things import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.steps import Plan
    from jupyterhub_anywhere.prepare.things import Thing
    from jupyterhub_anywhere.prepare.wants import Want
    from jupyterhub_anywhere.prepare.wish import Wish

# How each is named otherwise on the command line; what is not here has a name made from another.
_FLAGS: Final = {
    "credential": "--credential-name",
    "network": "--network",
    "router": "--router",
    "key": "--key",
    "image": "--image",
    "base": "--make-from",
    "hub-image": "--hub-image",
    "hub": "--hub",
    "hub-port": "--hub",
    "external": "--external",
}


def twice(kind: Kind, name: str, found: Sequence[Thing], key: str) -> str:
    """A name that several things have: what to say of it."""
    ids = ", ".join(each.id for each in found)
    flag = "--hub-group or --user-group" if key.startswith("group:") else _FLAGS.get(key, "")
    by_id = f"Name one by its id, with {flag}" if flag else "Remove the others"
    return f"There are {len(found)} of the kind {kind} with the name {name}: {ids}. {by_id}."


def is_ours(thing: Thing, record: Record, key: str) -> bool:
    """Whether this preparation made a thing: it is written down, or an intention came to it."""
    entry = record.entry(key)
    if entry is None:
        return False
    # These carry no mark; an intention is proof enough, for one that had been there before would
    # have been found and kept.
    unmarked = thing.kind in {Kind.KEY, Kind.INTERFACE}
    return entry.id == thing.id or (not entry.id and (thing.mark == record.mark or unmarked))


def step(want: Want, found: Sequence[Thing], record: Record, plan: Plan) -> Step:
    """What is done about one thing: it is kept or made; or a problem of the plan."""
    there = only(found, record, want.key)
    if there is not None:
        ours = is_ours(there, record, want.key)
        # Neither has a name of its own in the cloud.
        nameless = want.kind in {Kind.RULE, Kind.INTERFACE}
        return Step(
            Do.KEEP,
            want.key,
            want.kind,
            want.name if nameless else there.name,
            detail=want.detail if want.kind is Kind.RULE else _about(there),
            why="made by this preparation" if ours else "found; stays at undo",
            want=want,
            thing=there,
            ours=ours,
        )
    if found:
        plan.problems.append(twice(want.kind, want.name, found, want.key))
    entry = record.entry(want.key)
    gone = entry is not None and entry.id and not found
    why = f"{want.why}; it was made and has gone" if gone else want.why
    return Step(Do.MAKE, want.key, want.kind, want.name, want.detail, why, want)


def working(made: Step, record: Record, plan: Plan) -> Step:
    """A machine or image that is there has to work; a broken one of ours is made anew."""
    thing = made.thing
    if made.do is not Do.KEEP or thing is None:
        return made
    if made.kind is Kind.SERVER and not made.ours:
        plan.problems.append(
            f"There is a machine {made.name} ({thing.id}) that this preparation did not make. Name"
            " another for the hub with --hub, or make none with --no-hub."
        )
        return made
    status = str(thing.facts.get("status", ""))
    good = {"ACTIVE"} if made.kind is Kind.SERVER else {"active"}
    coming = {"BUILD"} if made.kind is Kind.SERVER else {"saving", "importing"}
    # What was uploaded by half stays "queued" for ever; of a snapshot that is its first state.
    if made.kind is Kind.IMAGE and thing.facts.get("snapshot"):
        coming.add("queued")
    entry = record.entry(made.key)
    failed = str(entry.facts.get("failed", "")) if entry is not None else ""
    if not failed and (status in good or (made.ours and status in coming)):
        return made
    if made.ours and made.want is not None:
        why = f"its installation failed: {failed}" if failed else f"it is {status}"
        return replace(made, do=Do.REPLACE, detail=made.want.detail, why=why)
    plan.problems.append(
        f"The {made.kind} {made.name} ({thing.id}) is {status}, not {good.pop()}. Bring it to work,"
        f" or name another with {_FLAGS.get(made.key, '--image')}."
    )
    return made


def _about(thing: Thing) -> str:
    parts = [str(thing.facts[key]) for key in ("cidr", "address", "text") if thing.facts.get(key)]
    return ", ".join([*parts, thing.id] if thing.kind is not Kind.KEY else parts)


def credential(made: Step, wish: Wish, record: Record, now: datetime, plan: Plan) -> Step:
    """A credential that is there is of use only where its secret is known and it lives on."""
    if made.do is not Do.KEEP or made.thing is None:
        return made
    if not made.ours:
        plan.problems.append(
            f"There is an application credential {wish.credential} already, and its secret cannot"
            " be read again. Name another with --credential-name, delete it in the web console, or"
            " give its clouds.yaml with --credential."
        )
        return made
    expires = made.thing.facts.get("expires")
    reason = ""
    if not record.secret:
        reason = "its secret was lost by a cut"
    elif wish.renew:
        reason = "a new one is asked for"
    elif expires is not None and expires <= now:
        reason = "it has expired"
    elif expires is not None and expires - now < SOON:
        told = finding("credential", expires, now)
        plan.notes.append(f"Credential {wish.credential}: {told.message} {told.cure}")
    if not reason or made.want is None:
        return made
    return replace(made, do=Do.REPLACE, detail=made.want.detail, why=reason)


def key_pair(made: Step, wish: Wish, plan: Plan) -> None:
    """A key pair is made from a public key that is given; one that is there has to be that one."""
    if made.do is Do.MAKE and not wish.public_key:
        plan.problems.append(
            f"There is no key pair {wish.key} and no public key to make it from. Name an existing"
            " pair with --key, or a file with --public-key; `ssh-keygen -t ed25519` makes one."
        )
    if made.do is not Do.KEEP or made.thing is None or not wish.public_key:
        return
    there = str(made.thing.facts.get("public_key", "")).split()[:2]
    if there and there != wish.public_key.split()[:2]:
        plan.problems.append(
            f"The key pair {wish.key} has another public key than the one given. Name another pair"
            " with --key, or leave --public-key out to use it as it is."
        )


def router(made: Step, plan: Plan) -> None:
    """A router that is found has to lead somewhere."""
    if made.do is Do.KEEP and made.thing is not None and not made.thing.facts.get("external"):
        plan.problems.append(
            f"The router {made.thing.name} has no gateway to an external network, so that machines"
            " fetch no packages. Set it (openstack router set --external-gateway NETWORK"
            f" {made.thing.id}), or name another with --router."
        )
