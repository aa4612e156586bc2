"""Tokens and OAuth clients of dead servers, as things that are not as they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.ledger.disagree import Disagreement, Kind
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.sights import Doubt
from jupyterhub_anywhere.ledger.strays import decide_tokens, tokens_of
from jupyterhub_anywhere.ledger.view import HubFacts, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.ledger.hubside import ServerClient, ServerToken
    from jupyterhub_anywhere.ledger.known import Known


def credentials(known: Known) -> Iterator[Disagreement]:
    """Tokens and OAuth clients that the reconciler would revoke, by its own rule.

    Args:
        known: What was found out.
    """
    strays = [each for sweep in known.sweeps.values() for each in sweep.resources.values()]
    kept = {(each.user, each.server) for each in strays if each.keep}
    made_with = tokens_of(known.sweeps.values())
    decision = decide_tokens(_view(known), kept, known.held_since, made_with)
    for token in known.tokens:
        doubt = Doubt("token", "", str(token.id))
        if doubt in decision.doubts:
            hold = known.hold if doubt in decision.candidates else ""
            yield _credential(Kind.TOKEN, f"API token {token.id}", token, hold)
    for client in known.clients:
        doubt = Doubt("client", "", str(client.id))
        if doubt in decision.doubts:
            hold = known.hold if doubt in decision.candidates else ""
            yield _credential(Kind.CLIENT, f"OAuth client {client.id}", client, hold)


def _credential(kind: Kind, name: str, of: ServerToken | ServerClient, hold: str) -> Disagreement:
    named = f"{of.user}:{of.server}" if of.server else of.user
    return Disagreement(
        kind=kind,
        what=f"{name} of server {named}",
        user=of.user,
        server=of.server,
        cause=hold or "it counts, and its server runs no more",
        cure="It is revoked as soon as a person has decided."
        if hold
        else "It is revoked after a time of grace.",
    )


def _view(known: Known) -> View:
    """What is known, as the reconciler sees what is at no target."""
    return View(
        target="",
        leases=known.leases,
        observations={},
        sweep=None,
        hub=HubFacts(servers=known.hub or {}, tokens=known.tokens, clients=known.clients),
        ended=frozenset(),
        now=known.now,
        ages={},
        policy=Policy(grace=known.grace),
    )
