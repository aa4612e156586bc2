"""A driver of Neutron's ML2 that binds every port as a tap of the compute host, without an agent.

Runs among the services, not among the tests. Nova makes the tap; ``taps.py`` joins it to the
bridge. Nothing filters: security groups are kept and told, not enforced.
"""

from __future__ import annotations

# Of the services' environment.
from neutron_lib import constants  # type: ignore[import-not-found]
from neutron_lib.api.definitions import portbindings  # type: ignore[import-not-found]
from neutron_lib.plugins.ml2 import api  # type: ignore[import-not-found]


class PlainBridge(api.MechanismDriver):  # type: ignore[misc]  # its base is not known here
    """Binds to the first segment of a network, active at once."""

    def initialize(self) -> None:
        """Need nothing."""

    def bind_port(self, context: api.PortContext) -> None:
        """Bind a port."""
        for segment in context.segments_to_bind[:1]:
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_TAP,
                {portbindings.CAP_PORT_FILTER: False},
                status=constants.PORT_STATUS_ACTIVE,
            )
