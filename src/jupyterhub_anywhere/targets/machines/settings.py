"""The keys of a ``cloud`` target."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from jupyterhub_anywhere.config.models import Model, Switch, TextOrSecret
from jupyterhub_anywhere.core.loopback import is_loopback


class CloudSettings(Model):
    """Which cloud, and how hub and machines reach each other. All else stands in `spawner`."""

    provider: str = Field(
        default="libcloud",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="What makes machines: `libcloud`, or a provider that a package brings.",
    )
    driver: str = Field(
        default="openstack",
        description="libcloud's driver, as `openstack`, `ec2` or `gce`.",
    )
    user: TextOrSecret = Field(
        default="",
        description="The first argument of the driver: a user name, an access key, or the id of an"
        " application credential.",
    )
    key: TextOrSecret = Field(
        default="",
        description="The second one: the password, or the secret of the credential.",
    )
    auth_url: str | None = Field(
        default=None,
        description="OpenStack: the identity service, in any form in use, as"
        " `https://cloud.example.org:5000` or `https://cloud.example.org/identity/v3`.",
    )
    region: str | None = Field(default=None, description="The region. Default: the driver's.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="All further parameters of the driver, as they are; a value may be a secret,"
        " as `{env: NAME}`.",
    )
    verify: Switch | Path = Field(
        default=True,
        description="Verify the certificates of the cloud's API: `true`, a file of authorities"
        " (PEM), or `false`, which is logged.",
    )
    internal_url: str | None = Field(
        default=None,
        description="The hub's API as machines reach it, as `https://10.0.0.1:8081`. Default:"
        " `hub.internal_url`.",
    )
    ca: Path | None = Field(
        default=None,
        description="The authority that signed the certificate of `internal_url`, PEM. Default:"
        " the authorities that the machine's system trusts.",
    )
    insecure: Switch = Field(
        default=False,
        description="Let machines reach the hub by plain http: everybody on the way may read what"
        " their servers get, tokens included.",
    )
    same_name: Literal["refuse", "newest"] = Field(
        default="refuse",
        description="Where two images of one name are there: refuse a start, or use the newest.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        url = self.internal_url
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("internal_url is an address as https://10.0.0.1:8081")
            if is_loopback(parts.hostname) and self.provider != "memory":
                raise ValueError(
                    f"{url} is each machine itself. Write an address of this machine that they"
                    " reach, as https://hub.example.org"
                )
            if parts.scheme == "http" and not self.insecure:
                raise ValueError(
                    f"{url} is plain http, so everybody on the way may read the tokens of servers."
                    " Use https with `ca`, or say insecure: true"
                )
        return self
