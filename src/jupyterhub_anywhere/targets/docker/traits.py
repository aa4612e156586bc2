"""The traits that servers at a docker target have beside DockerSpawner's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import Bool, Enum, HasTraits, Int, List, Unicode, Union

from jupyterhub_anywhere.targets.docker.gpus import ALL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class DockerTraits(HasTraits):
    """Set under ``spawner:``, by a profile, or in a section of the hub's configuration."""

    # DockerSpawner's.
    remove: bool
    # Set by AnywhereSpawner before a start: the lease that the container is made for.
    anywhere_lease = ""
    # Likewise: the id of the API token that it gets.
    anywhere_token: int | None = None
    # Set by it as well: takes down what is known before the container is made.
    anywhere_progress: Callable[..., Awaitable[None]] | None = None
    # And this: called when an image is about to be pulled.
    anywhere_pulling: Callable[[], None] | None = None

    gpus = Union(
        [Int(min=0), Enum([ALL]), List(Unicode())],
        default_value=0,
        help="GPUs of a server: how many, `all`, or a list of indexes or ids.",
    ).tag(config=True)
    gpu_devices = List(
        Unicode(),
        help="GPUs that servers may hold, each by one server at a time."
        " Default: the engine gives any GPU to anybody.",
    ).tag(config=True)
    delete_volumes = Bool(
        default_value=False,
        help="Remove a user's named volumes when the user is deleted, and a named server's with the"
        " server. Only those whose name holds the user's name. Default: volumes are kept.",
    ).tag(config=True)

    @property
    def anywhere_keeps(self) -> bool:
        """Whether the container stays when the server has ended, with its user's files."""
        return not self.remove
