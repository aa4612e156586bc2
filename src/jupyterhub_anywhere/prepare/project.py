"""A real project, by openstacksdk: what is there, what is made, what is removed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import openstack
from openstack import exceptions as errors

from jupyterhub_anywhere.prepare import looking, making
from jupyterhub_anywhere.prepare.failures import CONFLICT, FORBIDDEN, NOT_FOUND, told
from jupyterhub_anywhere.prepare.limits import Flavor, room
from jupyterhub_anywhere.prepare.things import NOTHING, Kind, Login, Thing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openstack.config.cloud_region import CloudRegion

    from jupyterhub_anywhere.prepare.limits import Room

# Quotas as Nova tells them: what is left, what is used, in the words of `limits`.
_COMPUTE = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "memory (MiB)": ("maxTotalRAMSize", "totalRAMUsed"),
    "key pairs": ("maxTotalKeypairs", ""),
}
_NETWORK = {
    "network": "networks",
    "subnet": "subnets",
    "router": "routers",
    "security_group": "security groups",
    "security_group_rule": "security group rules",
    "floatingip": "floating IPs",
    "port": "ports",
}


class OpenStackProject:
    """A project of an OpenStack cloud.

    Args:
        region: What is needed to log in.
    """

    def __init__(self, region: CloudRegion) -> None:
        self._region = region
        self._connection = openstack.connection.Connection(
            config=region, app_name="jupyterhub-anywhere"
        )
        self._login: Login | None = None

    @property
    def connection(self) -> Any:
        """The SDK's own, for what is not here."""
        return self._connection

    def close(self) -> None:
        """Give up its connections."""
        self._connection.close()
        self._connection.session.session.close()

    def now(self) -> datetime:
        """The present."""
        return datetime.now(UTC)

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    # --- who and what ----------------------------------------------------------------------------

    def login(self) -> Login:
        """Who asks, and where; asked once."""
        if self._login is None:
            with told("log in"):
                auth: Any = self._connection.session.auth
                access = auth.get_access(self._connection.session)
            restricted = bool(access.application_credential_id) and bool(
                access.application_credential.get("restricted", True)
            )
            self._login = Login(
                user=access.username or access.user_id,
                user_id=access.user_id,
                project=access.project_name or access.project_id or "",
                project_id=access.project_id or "",
                roles=tuple(access.role_names),
                auth_url=str(self._region.config["auth"]["auth_url"]),
                region=str(self._region.region_name or ""),
                limited=restricted,
            )
        return self._login

    def flavors(self) -> Sequence[Flavor]:
        """All sizes of machines."""
        with told("list the flavors"):
            return [
                Flavor(each.id, each.name, int(each.vcpus), int(each.ram), int(each.disk))
                for each in self._connection.compute.flavors()
            ]

    def externals(self) -> Sequence[Thing]:
        """The external networks."""
        with told("list the external networks"):
            found = self._connection.network.networks(is_router_external=True)
            return [Thing(Kind.NETWORK, each.id, each.name) for each in found]

    def rooms(self) -> Sequence[Room]:
        """What is left of the quotas; what a service does not tell is left out."""
        with told("look at the quotas"):
            limits = self._get(self._connection.compute, "/limits").get("limits", {})
            project = self.login().project_id
            quota = self._get(self._connection.network, f"/quotas/{project}/details").get(
                "quota", {}
            )
        absolute = limits.get("absolute", {})
        found = [
            room(name, int(absolute[limit]), int(absolute.get(used, 0)))
            for name, (limit, used) in _COMPUTE.items()
            if limit in absolute and used
        ]
        return found + [
            room(name, int(quota[key]["limit"]), int(quota[key].get("used", 0)))
            for key, name in _NETWORK.items()
            if isinstance(quota.get(key), dict)
        ]

    def _get(self, service: Any, path: str) -> dict[str, Any]:
        answer = service.get(path)
        if answer.status_code in {FORBIDDEN, NOT_FOUND}:
            return {}
        errors.raise_from_response(answer)
        body = answer.json()
        return body if isinstance(body, dict) else {}

    # --- things ----------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str, within: str = "") -> Sequence[Thing]:
        """All of a kind that have a name, or an id."""
        with told(f"look for the {kind} {name}".rstrip()):
            return looking.find(self._connection, self.login(), kind, name, within)

    def state(self, kind: Kind, thing_id: str) -> Thing | None:
        """A machine or an image as it is now."""
        with told(f"look at the {kind} {thing_id}"):
            return looking.state(self._connection, kind, thing_id)

    def make(self, kind: Kind, spec: Mapping[str, Any]) -> Thing:
        """Make one."""
        with told(f"make the {kind} {spec.get('name', '')}".rstrip()):
            if kind is Kind.CREDENTIAL:
                ends = self.now() + timedelta(days=spec["days"])
                return making.credential(self._connection, self.login(), spec, ends)
            return making.make(self._connection, kind, spec)

    def remove(self, kind: Kind, thing_id: str, facts: Mapping[str, Any] = NOTHING) -> bool:
        """Begin to remove one."""
        with told(f"remove the {kind} {thing_id}"):
            return making.remove(self._connection, self.login(), kind, thing_id, facts)

    def send(self, image_id: str, file: Path) -> None:
        """Send the data of an image."""
        with told(f"upload {file}"), file.open("rb") as stream:
            making.send(self._connection, image_id, stream)

    def stop(self, server_id: str) -> None:
        """Begin to switch a machine off; one that is off is left alone."""
        with told(f"stop the machine {server_id}"):
            try:
                self._connection.compute.stop_server(server_id)
            except errors.ConflictException:
                found = looking.state(self._connection, Kind.SERVER, server_id)
                if found is None or found.facts["status"] != "SHUTOFF":
                    raise

    def console(self, server_id: str) -> str | None:
        """What a machine's console says."""
        with told(f"read the console of the machine {server_id}"):
            try:
                answer = self._connection.compute.get_server_console_output(server_id)
            except errors.HttpException as error:
                if error.status_code in {NOT_FOUND, CONFLICT}:  # It is not that far yet.
                    return ""
                if error.status_code in {400, 403, 405, 501}:
                    return None
                raise
        return str(answer.get("output") or "")
