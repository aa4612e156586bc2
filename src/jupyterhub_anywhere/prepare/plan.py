"""From what is wanted and what is there to what is done. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.prepare import judge
from jupyterhub_anywhere.prepare.limits import (
    Needs,
    choose,
    choose_hub,
    demand,
    fitting_servers,
    needs,
    shortages,
)
from jupyterhub_anywhere.prepare.rules import Rule, rules, unwanted
from jupyterhub_anywhere.prepare.steps import Do, Plan, Step
from jupyterhub_anywhere.prepare.survey import only
from jupyterhub_anywhere.prepare.things import Kind
from jupyterhub_anywhere.prepare.wants import Want, hub_wants, wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.prepare.limits import Flavor
    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.survey import Seen
    from jupyterhub_anywhere.prepare.things import Thing
    from jupyterhub_anywhere.prepare.wants import Known, Spec
    from jupyterhub_anywhere.prepare.wish import Wish

_QUOTAS: Final = {
    Kind.NETWORK: "networks",
    Kind.SUBNET: "subnets",
    Kind.ROUTER: "routers",
    Kind.GROUP: "security groups",
    Kind.RULE: "security group rules",
    Kind.FLOATING: "floating IPs",
    Kind.KEY: "key pairs",
}
_ADMIN: Final = "admin"
_MAKES: Final = frozenset({"member", "_member_", _ADMIN, "manager"})


def make_plan(
    wish: Wish, seen: Seen, record: Record, hub_spec: Callable[[Known], Spec], file_size: int = 0
) -> Plan:
    """Compare.

    Args:
        wish: What is wanted.
        seen: What is there.
        record: What was made by earlier runs.
        hub_spec: The hub's machine, from what is known by then.
        file_size: The virtual size of an image that is uploaded, in bytes.
    """
    plan = Plan()
    _login(wish, seen, record, plan)
    _external(wish, seen, plan)
    for want in wants(wish):
        _add(want, wish, seen, record, plan)
    _other_rules(wish, seen, plan)
    image_needs = _image(wish, seen, record, plan, file_size)
    _sizes(wish, seen, plan, image_needs)
    if wish.hub.name:
        size = plan.hub_flavor.name if plan.hub_flavor else wish.hub.flavor
        for want in hub_wants(wish, hub_spec, size):
            _add(want, wish, seen, record, plan)
        _ready(wish, record, plan)
    _quotas(wish, seen, plan)
    return plan


def _login(wish: Wish, seen: Seen, record: Record, plan: Plan) -> None:
    login = seen.login
    if record.project and record.project != login.project_id:
        plan.problems.append(
            f"The record {record.path} is of the project {record.project}, and this is"
            f" {login.project} ({login.project_id}). Log in there, or name another file with"
            " --record."
        )
    if login.roles and not _MAKES & set(login.roles):
        plan.problems.append(
            f"{login.user} has only {', '.join(login.roles)} in the project {login.project}, and"
            " may make nothing there. Ask an administrator for the role member."
        )
    if login.limited and wish.given is None and record.entry("credential") is None:
        plan.problems.append(
            "This login is an application credential that may make no other. Make one in the web"
            f" console ({by_hand(wish)}), or log in with a password."
        )


def by_hand(wish: Wish) -> str:
    """How the credential is made in the web console."""
    return (
        "Identity > Application Credentials > Create Application Credential: name"
        f" {wish.credential}, an expiration date, role member, not unrestricted; then download its"
        " clouds.yaml and give it with --credential FILE"
    )


def _external(wish: Wish, seen: Seen, plan: Plan) -> None:
    network = wish.network
    if not (network.routed or (wish.hub.name and network.floating_ip)):
        return
    named = network.external
    found = [each for each in seen.externals if not named or named in {each.id, each.name}]
    if len(found) == 1:
        plan.external = found[0]
    elif found:
        names = ", ".join(f"{each.name} ({each.id})" for each in found)
        plan.problems.append(
            f"There are {len(found)} external networks: {names}. Name one with --external."
        )
    elif named:
        hint = did_you_mean(named, (each.name for each in seen.externals))
        plan.problems.append(f"There is no external network {named}. {hint}".rstrip())
    else:
        plan.problems.append(
            "There is no external network, so that nobody reaches the hub and machines fetch"
            " nothing. Ask the cloud's operators for one; where the network itself leads outside,"
            " say --no-router --no-floating-ip."
        )


def _add(want: Want, wish: Wish, seen: Seen, record: Record, plan: Plan) -> None:
    found = seen.things.get(want.key, ())
    made = judge.step(want, found, record, plan)
    match want.kind:
        case Kind.CREDENTIAL:
            made = judge.credential(made, wish, record, seen.now, plan)
        case Kind.KEY:
            judge.key_pair(made, wish, plan)
        case Kind.ROUTER:
            judge.router(made, plan)
        case Kind.SERVER:
            made = judge.working(made, record, plan)
        case Kind.SUBNET if made.do is Do.KEEP and not made.ours:
            _resolvers(made, plan)
    plan.steps.append(made)


def _resolvers(made: Step, plan: Plan) -> None:
    if made.thing is not None and not made.thing.facts.get("dns"):
        plan.notes.append(
            f"The subnet {made.thing.name or made.thing.id} names no resolver; where machines do"
            " not resolve names, set one: openstack subnet set --dns-nameserver ADDRESS"
            f" {made.thing.id}"
        )


def _other_rules(wish: Wish, seen: Seen, plan: Plan) -> None:
    wanted = {each.key for each in rules(wish.groups)}
    for name, found in seen.rules.items():
        for each in found:
            if each.name in wanted or each.facts.get("outwards"):
                continue
            rule = Rule(name, 0, 0, source_group=str(each.facts.get("source_group", "")))
            plan.steps.append(
                Step(
                    Do.NOTE,
                    f"other:{each.id}",
                    Kind.RULE,
                    name,
                    detail=str(each.facts.get("text", each.name)),
                    why=unwanted(rule, wish.groups),
                    thing=each,
                )
            )


# --- images and sizes ----------------------------------------------------------------------------


def _image(wish: Wish, seen: Seen, record: Record, plan: Plan, file_size: int) -> Needs:
    """The steps of the image; what it needs."""
    image = wish.image
    how = "made from " + image.base if image.base else f"uploaded from {image.upload}"
    want = Want("image", Kind.IMAGE, image.name, lambda _known: {}, how, "of users' servers")
    found = seen.things.get("image", ())
    there = only(found, record, "image")
    made = judge.step(want, found, record, plan)
    if there is None and not image.base and image.upload is None and not found:
        plan.problems.append(
            f"There is no image {image.name}. Name one that is there, or have it made with"
            " --make-from BASE, or uploaded with --upload FILE."
        )
    plan.steps.append(judge.working(made, record, plan))
    base = _base(wish, seen, record, plan) if there is None and image.base else None
    if image.tested and not (there is None and image.base):
        plan.steps.append(_trial(wish, record, there))
    source = there or base
    if source is None:
        return needs(0, 0, file_size)
    facts = source.facts
    return needs(int(facts["min_disk"]), int(facts["min_ram"]), int(facts["virtual_size"]))


def _base(wish: Wish, seen: Seen, record: Record, plan: Plan) -> Thing | None:
    found = seen.things.get("base", ())
    there = only(found, record, "base")
    if found and there is None:
        plan.problems.append(judge.twice(Kind.IMAGE, wish.image.base, found, "base"))
    if not found:
        plan.problems.append(
            f"There is no image {wish.image.base} to make another from. `openstack image list`"
            " shows what there is."
        )
    return there


def _trial(wish: Wish, record: Record, there: Thing | None) -> Step:
    tested = there is not None and there.id in record.tested
    return Step(
        Do.KEEP if tested else Do.TRY,
        "trial",
        Kind.SERVER,
        wish.image.name,
        detail="tested before" if tested else "booted once, looked into, and removed again",
        why="cloud-init, systemd, Python, jupyterhub-singleuser and its version",
    )


def _sizes(wish: Wish, seen: Seen, plan: Plan, image_needs: Needs) -> None:
    plan.flavors, wrong = choose(wish.flavors, seen.flavors, image_needs)
    plan.problems += wrong
    plan.trial_flavor = _for_trial(wish, seen, plan, image_needs)
    if not wish.hub.name:
        return
    found = seen.things.get("hub-image", ())
    hub_needs = image_needs
    if len(found) == 1:
        facts = found[0].facts
        hub_needs = needs(int(facts["min_disk"]), int(facts["min_ram"]), int(facts["virtual_size"]))
    elif wish.hub_image not in {wish.image.name, wish.image.base}:
        plan.problems.append(
            judge.twice(Kind.IMAGE, wish.hub_image, found, "hub-image")
            if found
            else f"There is no image {wish.hub_image} for the hub. Name another with --hub-image."
        )
    plan.hub_flavor, wrong = choose_hub(wish.hub.flavor, seen.flavors, hub_needs)
    plan.problems += [line for line in wrong if line not in plan.problems]


def _for_trial(wish: Wish, seen: Seen, plan: Plan, image_needs: Needs) -> Flavor | None:
    if not wish.image.flavor:
        return plan.flavors[0] if plan.flavors else None
    found, wrong = choose((wish.image.flavor,), seen.flavors, image_needs)
    plan.problems += wrong
    return found[0] if found else None


def _ready(wish: Wish, record: Record, plan: Plan) -> None:
    entry = record.entry("hub")
    ready = entry is not None and bool(entry.facts.get("ready"))
    hub = plan.steps[-1]
    if hub.do is Do.KEEP and not hub.ours:
        return
    plan.steps.append(
        Step(
            Do.KEEP if ready and hub.do is Do.KEEP else Do.TRY,
            "hub-ready",
            Kind.SERVER,
            name=wish.hub.name,
            detail="its console says that the installation is done",
            why="and tells its SSH host keys, so that secrets are handed to no other machine",
        )
    )


# --- quotas --------------------------------------------------------------------------------------


def _quotas(wish: Wish, seen: Seen, plan: Plan) -> None:
    making = [step for step in plan.steps if step.do is Do.MAKE]
    hub = [plan.hub_flavor] if plan.hub_flavor and any(s.key == "hub" for s in making) else []
    extra = [each for each in hub if each is not None]
    wanted = demand(plan.flavors, wish.servers, extra)
    for step in making:
        name = _QUOTAS.get(step.kind)
        if name:
            wanted[name] = wanted.get(name, 0) + 1
    short = shortages(seen.rooms, wanted)
    fits = fitting_servers(seen.rooms, plan.flavors, wish.servers, extra)
    if short and 0 < fits < wish.servers:
        largest = max(plan.flavors, key=lambda each: (each.memory, each.cpus), default=None)
        of = f" of the size {largest.name}" if largest else ""
        short.append(
            f"{fits} server{'s' if fits > 1 else ''}{of} would fit at the same time: --servers"
            f" {fits}, or smaller sizes with --flavor."
        )
    plan.problems += short
