"""The two lists of faithful delegation: what the hub asks, and what only the wrapper has.

There are no trait links. Linked traits copy the wrapper's defaults over the child's own
configuration at once, and carry nothing back: wrapspawner's best known fault.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.spawner import Spawner
from traitlets import HasTraits, observe
from traitlets.config.loader import LazyConfigValue

from jupyterhub_anywhere.spawner import guard
from jupyterhub_anywhere.spawner.child import LATER_IDENTITY

if TYPE_CHECKING:
    from traitlets.utils.bunch import Bunch

# Asked on the wrapper by the hub, its templates and its hooks; answered by the child.
ANSWERS: Final = (
    "args",
    "cmd",
    "consecutive_failure_limit",
    "cpu_guarantee",
    "cpu_limit",
    "default_url",
    "environment",
    "http_timeout",
    "ip",
    "mem_guarantee",
    "mem_limit",
    "notebook_dir",
    "poll_interval",
    "poll_jitter",
    "port",
    "ssl_alt_names",
    "ssl_alt_names_include_local",
    "start_timeout",
    "will_resume",
)
# Read by the hub before it tells which options were chosen: no child can answer them.
BEFORE_THE_CHOICE: Final = ("server_token_scopes",)


class Answer:
    """An attribute of the wrapper that the child answers.

    While there is no child, and where it raises, ``c.Spawner`` and then JupyterHub's default
    answer: the hub reads some of these where an error would end its own start. Writing goes to the
    child, since hooks and the handlers of foreign spawners set such attributes.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, wrapper: Any, owner: type | None = None) -> Any:
        """The child's value, else the configured, else the default one."""
        if wrapper is None:
            return self
        if wrapper.child is not None:
            found = guard.guarded(lambda: getattr(wrapper.child, self.name), self.name)
            if not isinstance(found, guard.Failed):
                return found
        if self.name in wrapper.unanswered:
            return wrapper.unanswered[self.name]
        default = getattr(_defaults(), self.name)
        value = wrapper.config.get("Spawner", {}).get(self.name, default)
        return value.get_value(default) if isinstance(value, LazyConfigValue) else value

    def __set__(self, wrapper: Any, value: Any) -> None:
        """Set it on the child, or remember it where the choice was refused and there is none."""
        if wrapper.child is None:
            wrapper.unanswered[self.name] = value
        else:
            setattr(wrapper.child, self.name, value)


class _Defaults(Spawner):
    """A spawner of no target, which knows JupyterHub's own defaults."""

    async def start(self) -> Any:
        raise NotImplementedError

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        raise NotImplementedError

    async def poll(self) -> int | None:
        return 0


@lru_cache(maxsize=1)
def _defaults() -> Spawner:
    return _Defaults()


class Delegate(HasTraits):
    """The attributes of AnywhereSpawner that are the child's; mixed into it."""

    child: Spawner | None = None

    def __init__(self, **kwargs: Any) -> None:
        self.unanswered: dict[str, Any] = {}
        self.own_api_token = ""
        self._own_cert_paths: dict[str, Any] = {}
        super().__init__(**kwargs)

    @observe(*LATER_IDENTITY)
    def _tell_child(self, change: Bunch) -> None:
        child = self.child
        if child is not None:
            guard.guarded(lambda: setattr(child, change.name, change.new), change.name)

    @property
    def api_token(self) -> str:
        """The server's token; a child that resumes a container brings back the old one."""
        child = self.child
        token = child and guard.guarded(lambda: child.api_token, "api_token")
        return token if isinstance(token, str) and token else self.own_api_token

    @api_token.setter
    def api_token(self, token: str) -> None:
        self.own_api_token = token
        if self.child is not None:
            self.child.api_token = token

    @property
    def cert_paths(self) -> dict[str, Any]:
        """Paths of the server's certificates, as the child moved them."""
        return self._own_cert_paths if self.child is None else self.child.cert_paths

    @cert_paths.setter
    def cert_paths(self, paths: dict[str, Any]) -> None:
        self._own_cert_paths = paths
        if self.child is not None:
            self.child.cert_paths = paths

    def __getattr__(self, name: str) -> Any:
        """Attributes of the child, for the handlers that some spawners bring along."""
        if name.startswith("__") or self.child is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.child, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """What only the child has is set on the child: ``spawner.image = …`` in a hook."""
        if (
            self.child is not None
            and not name.startswith("_")
            and not hasattr(type(self), name)
            and name not in self.__dict__
            and hasattr(self.child, name)
        ):
            setattr(self.child, name, value)
        else:
            super().__setattr__(name, value)


for _name in ANSWERS:
    setattr(Delegate, _name, Answer(_name))
