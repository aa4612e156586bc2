"""What is to be done about what has no lease: resources, the hub's servers, tokens. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.actions import Adopt, Disown, Drop, Reap, Revoke
from jupyterhub_anywhere.ledger.sights import Doubt
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.ledger.view import Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.inventory import Resource, Sweep
    from jupyterhub_anywhere.ledger.hubside import ServerClient, ServerToken
    from jupyterhub_anywhere.ledger.view import View


def strays(view: View) -> list[Resource]:
    """What the target has under this hub's label and no lease is for.

    Of targets that share a list, the first has all of it.
    """
    if view.target != min(view.kin | {view.target}):
        return []
    names = {each.name for each in view.near}
    # Of every target: one that shares the list may be declared no more, and so be none of its kin.
    return [
        each
        for each in view.listed.values()
        if each.name not in names and each.lease not in view.ids
    ]


def decide_strays(view: View) -> Decision:
    """Adopt what a server of the hub is, leave alone what keeps files, reap the rest in time.

    What keeps files and runs is reaped as well, which only stops it.
    """
    decision = Decision()
    for each in strays(view):
        doubt = Doubt("stray", view.target, each.name)
        adopt = adoption(view, each)
        if adopt is not None:
            decision.doubts.add(doubt)
            decision.actions.append(adopt)
        elif _in_the_works(view, each) or (each.keep and each.alive is False):
            decision.doubts.add(doubt)
        else:
            decision.foreign |= {each.lease} & view.foreign
            decision.doubt(view, doubt, view.policy.grace, Reap(view.target, each))
    return decision


def adoption(view: View, resource: Resource) -> Adopt | None:
    """As what a stray is taken; None where nobody is there for whom to take it."""
    user, server = resource.user, resource.server
    if not user or user not in view.hub.users:
        return None
    known = view.hub.servers.get((user, server))
    held = any(each.state is not State.KEPT for each in view.of_server(user, server))
    if resource.keep and resource.alive is False:
        return None if held else Adopt(view.target, resource, State.KEPT)
    if known is None or not known.active or held or resource.alive is False:
        return None
    if resource.lease in view.ended:
        return None
    if known.target not in view.kin | {view.target} or known.pending in {"spawn", "stop"}:
        return None
    return Adopt(known.target, resource, State.RUNNING)


def _in_the_works(view: View, resource: Resource) -> bool:
    """Whether the hub starts or stops the very server just now."""
    known = view.hub.servers.get((resource.user, resource.server))
    return known is not None and known.pending in {"spawn", "stop"}


def decide_servers(view: View) -> Decision:
    """Servers that the hub counts as active, and whose lease has come to its end."""
    decision = Decision()
    for (user, server), known in view.hub.servers.items():
        if not known.active or known.pending or known.target != view.target:
            continue
        leases = view.of_server(user, server)
        if any(each.state is not State.KEPT for each in leases):
            continue
        last = view.hub.last.get((user, server))
        ended = leases or ([last] if last is not None else [])
        if any(each.target == view.target for each in ended) and not _exists(view, user, server):
            reason = "Your server has ended."
            decision.actions.append(Drop(user, server, reason))
    return decision


def _exists(view: View, user: str, server: str) -> bool:
    return any(
        (each.user, each.server) == (user, server) and each.alive is not False
        for each in view.listed.values()
    )


def tokens_of(sweeps: Iterable[Sweep]) -> dict[tuple[str, str], int]:
    """Target and name of what was listed to the id of the token that it was made with."""
    return {
        (sweep.target, each.name): each.token
        for sweep in sweeps
        for each in sweep.resources.values()
        if each.token is not None
    }


def decide_tokens(
    view: View,
    kept: Collection[tuple[str, str]],
    since: datetime | None = None,
    made_with: Mapping[tuple[str, str], int] | None = None,
) -> Decision:
    """Tokens and OAuth clients of servers that are dead.

    Args:
        view: Of no target.
        kept: User and server's name of every stray that keeps files: it is started again with the
            token that it has, and who was logged in to it still is.
        since: Since when the ledger has seen all that was begun, where something is held back; what
            was given later is no sign of a ledger or a database that lacks something.
        made_with: What `tokens_of` says.
    """
    decision = Decision()
    for token in view.hub.tokens:
        own = _own_token(view, token, made_with or {})
        dead = _is_dead(view, token) and (token.user, token.server) not in kept
        if dead or own not in {None, token.id}:
            doubt = Doubt("token", "", str(token.id))
            held = not _is_later(token, since)
            revoke = Revoke(token, wary=held, instead=None if dead else own)
            decision.doubt(view, doubt, view.policy.grace, revoke, held=held)
    for client in view.hub.clients:
        server = client.user, client.server
        if _has_ended(view, server) and server not in kept:
            doubt = Doubt("client", "", str(client.id))
            held = not _is_later(client, since)
            decision.doubt(view, doubt, view.policy.grace, Disown(client, wary=held), held=held)
    return decision


def _is_later(given: ServerToken | ServerClient, since: datetime | None) -> bool:
    return since is not None and given.made is not None and given.made > since


def _is_dead(view: View, token: ServerToken) -> bool:
    server = token.user, token.server
    return _has_ended(view, server) or _is_of_an_earlier_start(view, token)


def _has_ended(view: View, server: tuple[str, str]) -> bool:
    """Whether a server neither runs nor is to be started again as it was, for all that is known."""
    mine = view.of_server(*server)
    if any(each.id in view.hub.busy for each in mine):
        return False
    if any(each.state is not State.STOPPING or (each.keeps and not each.forever) for each in mine):
        return False
    known = view.hub.servers.get(server)
    return known is None or not (known.active or known.pending)


def _own_token(
    view: View, token: ServerToken, made_with: Mapping[tuple[str, str], int]
) -> int | None:
    """The id of the token in what is kept for a server; None where nobody can tell.

    What is kept is started again with the token that it has. JupyterHub makes another one for that
    start, and deletes it once the start has come to its end, which it may not.
    """
    mine = view.of_server(token.user, token.server)
    known = view.hub.servers.get((token.user, token.server))
    if (known is not None and known.pending) or len(mine) != 1:
        return None
    lease = mine[0]
    if lease.id in view.hub.busy or lease.state not in {State.RUNNING, State.KEPT}:
        return None
    return made_with.get((lease.target, lease.name)) if lease.keeps else None


def _is_of_an_earlier_start(view: View, token: ServerToken) -> bool:
    """Whether the server that runs has a later one, and nothing is kept that has this one."""
    mine = view.of_server(token.user, token.server)
    known = view.hub.servers.get((token.user, token.server))
    if (known is not None and known.pending) or len(mine) != 1:
        return False
    lease = mine[0]
    if lease.id in view.hub.busy:
        return False
    runs = lease.state in {State.RUNNING, State.UNKNOWN} and not lease.keeps
    return runs and lease.token is not None and token.id < lease.token
