"""The keys of a ``docker`` target."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from jupyterhub_anywhere.config.models import Model, Switch


class EngineTls(Model):
    """Certificates for an engine that is reached over the network, as PEM files."""

    ca: Path = Field(description="The authority that signed the engine's certificate.")
    cert: Path = Field(description="The hub's own certificate.")
    key: Path = Field(description="Its private key; readable by the hub only.")


class DockerSettings(Model):
    """Which engine, and how hub and containers reach each other. All else stands in `spawner`."""

    url: str | None = Field(
        default=None,
        description="The engine: `unix:///path` or `tcp://host:port`."
        " Default: as DockerSpawner finds it, `DOCKER_HOST` included.",
    )
    tls: EngineTls | None = Field(default=None, description="For `tcp://`: the certificates.")
    insecure: Switch = Field(
        default=False,
        description="For `tcp://` without `tls`: say that everybody on the way may command"
        " the engine, and with it the machine.",
    )
    host_ip: str | None = Field(
        default=None,
        description="The address of the engine's machine at which containers' ports are published"
        " and the hub reaches them. Needed for `tcp://`.",
    )
    internal_url: str | None = Field(
        default=None,
        description="The hub's API as the containers reach it, as `http://10.0.0.1:8081`."
        " Needed for `tcp://`; a local engine's containers are given it by themselves.",
    )
    spawner_class: str = Field(
        default="dockerspawner.DockerSpawner",
        alias="class",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="A subclass of DockerSpawner, as `dockerspawner.SystemUserSpawner`.",
    )
    gpu_devices: tuple[str, ...] = Field(
        default=(),
        description="The engine's GPUs that servers may hold, by index or id, each by one server"
        " at a time. Default: the engine gives any GPU to anybody.",
    )

    @property
    def remote(self) -> bool:
        """Whether the declared engine is reached over the network."""
        return self.url is not None and self.url.startswith("tcp:")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problem = self._problem()
        if problem:
            raise ValueError(problem)
        return self

    def _problem(self) -> str:
        """The first thing that does not fit together; empty when all does."""
        if self.url is not None and (wrong := _wrong_url(self.url)):
            return wrong
        if self.internal_url is not None and (wrong := _wrong_hub_url(self.internal_url)):
            return wrong
        if not self.remote:
            where = "a unix:// url" if self.url else "no url"
            return f"tls belongs to a tcp:// url, and there is {where}" if self.tls else ""
        missing = [key for key in ("host_ip", "internal_url") if not getattr(self, key)]
        if missing:
            return (
                f"an engine at {self.url} needs {' and '.join(missing)}: host_ip is the engine's"
                " machine as the hub reaches it, internal_url the hub's API as the containers"
                " reach it (http://HUB:8081)"
            )
        if self.tls is None and not self.insecure:
            return (
                f"an engine at {self.url} without tls lets everybody on the way command its"
                " machine. Give tls: {ca: …, cert: …, key: …}, or say insecure: true"
            )
        return ""


def _wrong_url(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme == "ssh":
        return (
            "ssh:// engines come in a later version. Until then forward the socket"
            " (ssh -L /run/engine.sock:/var/run/docker.sock HOST) and use it by unix://,"
            " or use tcp:// with tls"
        )
    if scheme == "unix":
        return "" if url.startswith("unix:///") else "write the socket's path as unix:///path"
    if scheme == "tcp":
        try:
            parts = urlsplit(url)
            fits = bool(parts.hostname and parts.port) and parts.path in {"", "/"}
        except ValueError:
            fits = False
        return "" if fits else "write the engine's address as tcp://host:port"
    return "the url of an engine starts with unix:// or tcp://"


def _wrong_hub_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        fits = False
    return "" if fits else "internal_url is an address as http://10.0.0.1:8081"
