"""Building the child: the spawner of one target, as the hub itself would build it.

The child is an instance of a generated subclass (`targets.specialise`) with `Bound` in front of the
real class. `Bound` shares with the wrapper what the hub writes on the wrapper only: the server
row and the status flags. Everything else is the child's own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.specialise import merged_config, specialise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.spawner import Spawner
    from traitlets.config import Config

    from jupyterhub_anywhere.targets.base import Target

log = logging.getLogger(__name__)

# What the hub sets on a spawner to say how far it is; read by spawners in poll and progress.
STATUS_FLAGS: Final = (
    "_spawn_pending",
    "_start_pending",
    "_stop_pending",
    "_check_pending",
    "_proxy_pending",
    "_rename_pending",
    "_waiting_for_response",
    "_spawn_future",
    "_stop_future",
    "_jupyterhub_version",
)

# What the hub gives to a spawner when it builds it (user.py, _new_spawner), and later.
IDENTITY: Final = (
    "user",
    "orm_spawner",
    "hub",
    "authenticator",
    "proxy_spec",
    "_deprecated_db_session",
    "oauth_client_id",
    "cookie_options",
    "cookie_host_prefix_enabled",
    "trusted_alt_names",
    "internal_ssl",
    "internal_trust_bundles",
    "internal_certs_location",
    "public_url",
    "public_hub_url",
)
LATER_IDENTITY: Final = ("handler", "admin_access", "oauth_client_id")


def _shared(name: str) -> property:
    """A property of the child that is the wrapper's attribute."""

    def read(self: Bound) -> Any:
        return getattr(self._wrapper, name, None)

    def write(self: Bound, value: Any) -> None:
        if self._wrapper is not None:
            setattr(self._wrapper, name, value)

    return property(read, write)


class Bound:
    """The half of a generated child class that belongs to the wrapper."""

    _wrapper: Any = None
    # The target's name, for messages.
    _anywhere_target = ""

    @property
    def _server(self) -> Any:
        """The hub's view of the server row: one object for wrapper and child.

        Two objects over one row would each cache its address.
        """
        return getattr(self._wrapper, "_server", None)

    @_server.setter
    def _server(self, server: Any) -> None:
        wrapper = self._wrapper
        if wrapper is None:
            return
        mine = wrapper._server  # noqa: SLF001 - the attribute that is shared
        if mine is None or server is None or mine.orm_server is not server.orm_server:
            wrapper._server = server  # noqa: SLF001 - the attribute that is shared

    def checkpoint(self) -> None:
        """Save the state now, inside the wrapper's envelope.

        For children that must not be forgotten when the hub dies between two lines of `start`.
        """
        self._wrapper.save_state()


for _name in STATUS_FLAGS:
    setattr(Bound, _name, _shared(_name))


class ChildFactory:
    """Makes the children of one target.

    Args:
        target: The target.
        values: Trait values from the file, secrets resolved.
        fingerprint: Says which definition of the target this is.
    """

    def __init__(self, target: Target, values: Mapping[str, Any], fingerprint: str) -> None:
        self.target = target
        self.values = {**target.traits(), **values}
        self.fingerprint = fingerprint
        self._generated: type[Spawner] | None = None
        self._config: tuple[Config, Config] | None = None

    @property
    def name(self) -> str:
        """The target's name."""
        return self.target.name

    def spawner_class(self) -> type[Spawner]:
        """The generated class, made once.

        Raises:
            TargetError: The child's class cannot be imported.
        """
        if self._generated is None:
            self._generated = specialise(
                self.target.child_class(), self.name, Bound, self.target.class_attributes()
            )
        return self._generated

    def config(self, hub_config: Config) -> Config:
        """The hub's configuration with this target's section, made once per hub configuration."""
        if self._config is None or self._config[0] is not hub_config:
            merged = merged_config(hub_config, self.spawner_class(), self.values)
            self._config = (hub_config, merged)
        return self._config[1]

    def build(self, wrapper: Any, user_options: Mapping[str, Any]) -> Spawner:
        """Build a child for a wrapper, with no state loaded.

        Args:
            wrapper: The AnywhereSpawner.
            user_options: The child's own part of the choice.

        Raises:
            TargetError: The class cannot be imported, or refuses to be built.
        """
        cls = self.spawner_class()
        kwargs = {name: getattr(wrapper, name) for name in IDENTITY}
        kwargs["config"] = self.config(wrapper.hub_config)
        kwargs["user_options"] = dict(user_options)
        child: Any = cls.__new__(cls, **kwargs)  # type: ignore[call-overload]  # Spawner is untyped
        # Bound before its constructor runs: observers in there already ask for the server.
        child.__dict__["_wrapper"] = wrapper
        child.__dict__["_anywhere_target"] = self.name
        try:
            child.__init__(**kwargs)
            child.api_token = wrapper.own_api_token
            for name in LATER_IDENTITY:
                setattr(child, name, getattr(wrapper, name))
        except (Exception, SystemExit) as error:
            # systemdspawner ends the program where it does not like its surroundings.
            raise TargetError(
                f"target {self.name}: {cls.__name__} cannot be built:"
                f" {type(error).__name__}: {error}",
                hint="See `anywhere check`, and the log of the hub.",
            ) from error
        return child
