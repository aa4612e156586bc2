"""The declared models of ``anywhere.yaml``.

Each field carries its unit, default and reason: the reference page, the JSON Schema and
``anywhere explain`` are made from them. A model knows nothing of the file it came from; lines and
columns are the loader's business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.config.units import Unit
from jupyterhub_anywhere.core.quantities import (
    parse_cpu,
    parse_duration,
    parse_memory,
)

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"),
    Unit("name", "A name starts with a letter; letters, digits, - and _ follow; up to 63."),
]
HubId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{3,39}$"),
    Unit("text", "4 to 40 lower-case letters, digits and dashes; a letter or digit first."),
]
UidRange = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,10}-[0-9]{1,10}$"),
    Unit("FIRST-LAST", "Write FIRST-LAST, as 70000-99999."),
]
Memory = Annotated[
    int,
    BeforeValidator(parse_memory),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*\d+(\.\d+)?\s*[KMGTkmgt]?[iI]?[bB]?\s*$",
            "minimum": 0,
            "examples": ["512M", "1.5G"],
        }
    ),
    Unit("memory", "Write an amount of memory, as 512M or 1.5G."),
]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|[smhdwSMHDW])\s*)+$",
            "minimum": 0,
            "examples": ["90s", "30m", "1h30m", "2d"],
        }
    ),
    Unit("duration", "Write a duration, as 90s, 30m, 1h30m or 2d."),
]
Cpu = Annotated[
    float,
    BeforeValidator(parse_cpu),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*\d+(\.\d+)?m?\s*$",
            "minimum": 0,
            "maximum": 65536,
            "examples": [2, 0.5, "500m"],
        }
    ),
    Unit("CPU cores", "Write a number of cores, as 2, 0.5 or 500m."),
]
# Strict: text that looks like a number, and a number that looks like yes, are slips.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Switch = Annotated[bool, Strict()]


def _secret_or_text(value: object) -> str:
    return "secret" if isinstance(value, dict | Secret) else "text"


TextOrSecret = Annotated[
    Annotated[str, Tag("text")] | Annotated[Secret, Tag("secret")], Discriminator(_secret_or_text)
]


class Model(BaseModel):
    """The base of all: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )


# --- hub -----------------------------------------------------------------------------------------


class Tls(Model):
    """A certificate and its key, as PEM files."""

    cert: Path = Field(description="The certificate with its chain, PEM.")
    key: Path = Field(description="Its private key, PEM; readable by the hub only.")


class Cull(Model):
    """Stops servers that nobody uses, with jupyterhub-idle-culler as a service of the hub."""

    idle: Duration = Field(description="Stop a server after this long without activity, as `1h`.")
    every: Duration | None = Field(
        default=None, description="Look this often. Default: half of `idle`, at most 10 minutes."
    )
    max_age: Duration | None = Field(
        default=None, description="Stop a server this long after its start, used or not."
    )


class LedgerConfig(Model):
    """The record of every container, process and machine that is held for a server."""

    url: TextOrSecret | None = Field(
        default=None,
        description="SQLAlchemy URL of its database, as `postgresql+psycopg://…`. Default: SQLite"
        " in the state folder.",
    )
    every: Duration = Field(
        default=10.0, gt=0, description="Ask each target this often what exists there."
    )
    grace: Duration = Field(
        default=300.0,
        description="Leave what nobody asked for alone for this long before it is removed.",
    )
    history: Duration = Field(
        default=90 * 86400.0, description="Remember servers that are gone for this long."
    )


class HubConfig(Model):
    """The hub itself: where it listens, what it keeps, and what else it runs."""

    id: HubId | None = Field(
        default=None,
        description="Marks everything this hub makes. Default: random, kept in the state folder.",
    )
    url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address people open, with its path, as `https://hub.example.org/jupyter/`."
        " Behind a proxy this is the proxy's address: see `bind` and `trusted_proxies`.",
    )
    bind: str | None = Field(
        default=None,
        description="Where to listen, as `http://127.0.0.1:8000`. Default: the host and port of"
        " `url`. Set it when a proxy stands in front and `url` is the proxy's.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of the proxy in front; only they may say who the client"
        " is and that it came by https.",
    )
    internal_url: str | None = Field(
        default=None,
        description="Where servers reach the hub's API. Default: 127.0.0.1 and a port that is"
        " chosen at first start and kept.",
    )
    internal_tls: Tls | None = Field(
        default=None,
        description="The certificate of an `internal_url` with https: the API is served there to"
        " machines elsewhere, and servers of this machine go on using 127.0.0.1.",
    )
    tls: Tls | None = Field(default=None, description="Serve https with this certificate.")
    insecure_http: Switch = Field(
        default=False,
        description="Serve plain http to other machines: passwords and notebooks can be read on"
        " the way.",
    )
    database: TextOrSecret | None = Field(
        default=None,
        description="SQLAlchemy URL of the hub's database. Default: SQLite in the state folder.",
    )
    cookie_secret: Secret | None = Field(
        default=None,
        description="The secret that signs login cookies: 64 hexadecimal digits. Default: made at"
        " first start, kept in the state folder.",
    )
    ledger: LedgerConfig = Field(
        default_factory=LedgerConfig,
        description="The record of what is held where, and how it is watched.",
    )
    cull: Cull | None = Field(default=None, description="Stop idle servers. Default: never.")
    starts: Whole | None = Field(
        default=None,
        ge=0,
        description="So many servers may start at the same time in the whole hub; the others wait"
        " in line. 0: no limit. Default: JupyterHub's `concurrent_spawn_limit`, which is 100.",
    )
    jupyterhub_config: Path | None = Field(
        default=None,
        description="A jupyterhub_config.py, loaded last; what it sets wins.",
    )


# --- users ---------------------------------------------------------------------------------------


class UserLimits(Model):
    """How many servers a user may have at the same time. Default: no limit."""

    servers: Whole | None = Field(
        default=None, ge=1, description="For everybody whom no group of `groups` has."
    )
    groups: dict[str, Annotated[Whole, Field(ge=1)]] = Field(
        default_factory=dict,
        description="By group, in place of `servers`. Who is in several may have the most of them.",
    )


class UsersConfig(Model):
    """Who may log in, and how."""

    login: str = Field(
        default="shared-password",
        description="`shared-password`, `native` (accounts with sign-up), `pam` (accounts of this"
        " machine), an authenticator by its JupyterHub name (`github`, `generic-oauth`, …), or any"
        " Authenticator class as `package.module.Class`.",
    )
    login_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Traits of the authenticator; a value may be a secret, as `{env: NAME}`.",
    )
    allowed: tuple[str, ...] = Field(
        default=(),
        description="Names that may log in. Empty: everybody whom the login accepts, with"
        " `shared-password` any name.",
    )
    admins: tuple[str, ...] = Field(
        default=(), description="Names that may manage users and reach others' servers."
    )
    groups: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict, description="Groups and their members, for `access` of profiles."
    )
    limits: UserLimits = Field(
        default_factory=UserLimits, description="How many servers a user may have."
    )
    uids: UidRange = Field(
        default="70000-99999",
        description="As root: the range of uids for names without an account here, FIRST-LAST."
        " A uid is given to one name once and never again.",
    )


# --- targets -------------------------------------------------------------------------------------


class TargetConfig(Model):
    """A place where servers can run. What else may stand here depends on its kind."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="`process`; more kinds come with extras and plugins.")
    title: str | None = Field(default=None, description="What people read. Default: the name.")
    description: str = Field(default="", description="One sentence for the menu.")
    starts: Whole = Field(
        default=20,
        ge=0,
        description="So many servers may start here at the same time; the others wait in line."
        " 0: no limit.",
    )
    servers: Whole | None = Field(
        default=None,
        ge=0,
        description="So many servers may be here at the same time, of all users together; 0 takes"
        " no new ones. Default: no limit.",
    )
    spawner: dict[str, Any] = Field(
        default_factory=dict,
        description="Traits of the spawner that this kind uses, checked against its class.",
    )

    @property
    def own(self) -> dict[str, Any]:
        """The keys that belong to the kind, unchecked here."""
        return dict(self.model_extra or {})


# --- profiles ------------------------------------------------------------------------------------

Scalar = bool | int | float | str


class Access(Model):
    """Who may see something. Empty means everybody; users and groups add up."""

    users: tuple[str, ...] = Field(default=(), description="Names of users.")
    groups: tuple[str, ...] = Field(default=(), description="Names of groups.")

    @property
    def open(self) -> bool:
        """Whether everybody may."""
        return not self.users and not self.groups


class OptionBase(Model):
    """What every option has."""

    title: str | None = Field(default=None, description="The field's label. Default: the name.")
    help: str = Field(default="", description="One sentence under the field.")
    targets: tuple[str, ...] | None = Field(
        default=None,
        description="The targets of the profile that take this option. Default: all of them.",
    )
    access: Access = Field(
        default_factory=Access, description="Who may set it; for all others the default counts."
    )
    sets: dict[str, Any] = Field(
        default_factory=dict,
        description='Spawner traits that it sets. A value that is exactly `"{value}"` receives the'
        " typed value; inside a longer text `{value}` is replaced as it stands.",
    )
    sets_for: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Traits by target, where targets differ; replaces `sets` for that target.",
    )


class ChoiceValue(Model):
    """One entry of a choice."""

    title: str | None = Field(default=None, description="What people read. Default: the key.")
    description: str = Field(default="", description="One sentence beside it.")
    targets: tuple[str, ...] | None = Field(
        default=None, description="The targets that have it. Default: all of the option's."
    )
    access: Access = Field(default_factory=Access, description="Who may choose it.")
    sets: dict[str, Any] = Field(default_factory=dict, description="Spawner traits that it sets.")
    sets_for: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Traits by target; replaces `sets` for that target."
    )


class ChoiceOption(OptionBase):
    """One of several named entries."""

    type: Literal["choice"]
    choices: dict[str, ChoiceValue] = Field(min_length=1, description="The entries, in order.")
    default: str | None = Field(default=None, description="A key. Default: the first entry.")


class BooleanOption(OptionBase):
    """Yes or no."""

    type: Literal["boolean"]
    default: Switch = Field(default=False, description="The value where none is chosen.")


class IntegerOption(OptionBase):
    """A whole number."""

    type: Literal["integer"]
    default: Whole = Field(description="The value where none is chosen.")
    min: Whole | None = Field(default=None, description="The smallest value.")
    max: Whole | None = Field(default=None, description="The largest value.")


class NumberOption(OptionBase):
    """A number."""

    type: Literal["number"]
    default: Number = Field(description="The value where none is chosen.")
    min: Number | None = Field(default=None, description="The smallest value.")
    max: Number | None = Field(default=None, description="The largest value.")


class MemoryOption(OptionBase):
    """An amount of memory, as `512M` or `1.5G`; spawners receive bytes."""

    type: Literal["memory"]
    default: Memory = Field(description="The value where none is chosen.")
    min: Memory | None = Field(default=None, description="The smallest value.")
    max: Memory | None = Field(default=None, description="The largest value.")


class CpuOption(OptionBase):
    """A number of CPU cores, as `2`, `0.5` or `500m`."""

    type: Literal["cpu"]
    default: Cpu = Field(description="The value where none is chosen.")
    min: Cpu | None = Field(default=None, description="The smallest value.")
    max: Cpu | None = Field(default=None, description="The largest value.")


class TextOption(OptionBase):
    """A line of text that matches a pattern as a whole."""

    type: Literal["text"]
    default: str = Field(default="", description="The value where none is chosen.")
    pattern: str = Field(
        default=r"[^\x00-\x1f\x7f]*",
        description="A regular expression that the whole text has to match.",
    )
    max_length: Whole = Field(default=256, ge=1, le=4096, description="In characters.")


Option = Annotated[
    ChoiceOption
    | BooleanOption
    | IntegerOption
    | NumberOption
    | MemoryOption
    | CpuOption
    | TextOption,
    Field(discriminator="type"),
]


class Profile(Model):
    """What a user picks from the menu."""

    title: str | None = Field(default=None, description="What people read. Default: the name.")
    description: str = Field(default="", description="One or two sentences for the menu.")
    targets: tuple[str, ...] = Field(
        min_length=1, description="Where it can run; a user may choose, the first is the default."
    )
    options: dict[Name, Option] = Field(
        default_factory=dict, description="What a user may set, in this order."
    )
    sets: dict[str, Any] = Field(
        default_factory=dict, description="Spawner traits of every server of this profile."
    )
    sets_for: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Traits by target; added to `sets`, and wins over it."
    )
    access: Access = Field(default_factory=Access, description="Who sees this profile.")
    limit: Whole | None = Field(
        default=None,
        ge=1,
        description="So many servers of this profile may each user have at the same time. Default:"
        " no limit.",
    )
    form: Literal["menu", "child"] = Field(
        default="menu",
        description="`child`: the spawner's own form is shown, beside the options of the profile.",
    )


class Config(Model):
    """The whole of ``anywhere.yaml``."""

    include: tuple[str, ...] = Field(
        default=(),
        description="More files of this shape, merged into this one; a path starts from the folder"
        " of the file that names it, and `conf.d/*.yaml` stands for all that match. What two files"
        " both declare is an error.",
    )
    hub: HubConfig = Field(default_factory=HubConfig, description="The hub itself.")
    users: UsersConfig = Field(default_factory=UsersConfig, description="Who may log in, and how.")
    targets: dict[Name, TargetConfig] = Field(
        default_factory=lambda: {"here": TargetConfig(kind="process", title="This machine")},
        min_length=1,
        description="Where servers can run.",
    )
    profiles: dict[Name, Profile] = Field(
        default_factory=dict,
        description="What people pick. Default: one profile a target, without options.",
    )
