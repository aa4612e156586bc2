"""One preparation from the look at a project to the files: what the verb calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.prepare.image import virtual_size
from jupyterhub_anywhere.prepare.plan import make_plan
from jupyterhub_anywhere.prepare.site import Place, hub_userdata
from jupyterhub_anywhere.prepare.survey import survey
from jupyterhub_anywhere.prepare.things import PrepareError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.steps import Plan
    from jupyterhub_anywhere.prepare.survey import Seen
    from jupyterhub_anywhere.prepare.things import Cloud, Login
    from jupyterhub_anywhere.prepare.wants import Known
    from jupyterhub_anywhere.prepare.wish import Wish

_HEADER = 32


def planned(cloud: Cloud, wish: Wish, record: Record) -> Plan:
    """Look at a project and plan.

    Raises:
        PrepareError: It cannot be asked, or the file of an image cannot be read.
    """
    size = _file_size(wish)
    seen = survey(cloud, wish, record)
    holder: list[Plan] = []
    plan = make_plan(wish, seen, record, _hub_spec(wish, seen, holder), size)
    holder.append(plan)
    return plan


def _file_size(wish: Wish) -> int:
    file = wish.image.upload
    if file is None:
        return 0
    try:
        with file.open("rb") as stream:
            return virtual_size(stream.read(_HEADER), file.stat().st_size)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PrepareError(
            f"{file} cannot be read: {reason}.", hint="Name another with --upload FILE."
        ) from error


def _hub_spec(wish: Wish, seen: Seen, holder: list[Plan]) -> Callable[[Known], dict[str, Any]]:
    """The hub's machine; its flavor is chosen in the plan that this is part of."""

    def spec(known: Known) -> dict[str, Any]:
        [plan] = holder
        if plan.hub_flavor is None:
            raise PrepareError("No flavor was chosen for the hub.", hint="Name one: --hub-flavor.")
        if wish.hub_image == wish.image.name:
            image = known.id("image")
        else:
            image = seen.things["hub-image"][0].id
        nonce = f"{known.mark.partition(':')[2]}-hub"
        return {
            "name": wish.hub.name,
            "image": image,
            "flavor": plan.hub_flavor.id,
            "port": known.id("hub-port"),
            "key": wish.key,
            "userdata": hub_userdata(wish, place(wish, seen.login, plan, known), nonce),
            "mark": known.mark,
        }

    return spec


def place(wish: Wish, login: Login, plan: Plan, known: Known) -> Place:
    """Where the hub is, once its port and its floating IP are there.

    Raises:
        PrepareError: There is no hub in this preparation.
    """
    private = str(known.fact("hub-port", "address") or "")
    if not private:
        raise PrepareError(
            "The hub has no address yet.", hint="Make its port with --apply, without --no-hub."
        )
    public = str(known.fact("floating", "address") or private)
    credential = wish.given[0] if wish.given is not None else known.id("credential")
    return Place(
        private=private,
        public=public,
        auth_url=login.auth_url,
        region=login.region,
        credential=credential,
        network=wish.network.name,
        flavors=tuple(plan.flavors),
    )


def kept(plan: Plan, record: Record) -> Known:
    """What a plan knows without doing anything: what is there already."""
    from jupyterhub_anywhere.prepare.wants import Known

    known = Known(record.mark)
    for step in plan.steps:
        if step.thing is not None:
            known.things[step.key] = step.thing
    return known
