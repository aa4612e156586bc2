"""What is set for LibcloudSpawner, of either generation, as one typed record.

The facts are those of jupyter-libcloudspawner 1.2 and 1.3.rc1, of the commit that its printed
guide shows, and of libcloudspawner 2.3.3. Both generations may stand in one file: who moved from
one to the other left lines behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.importers.result import Left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECTION: Final = "LibcloudSpawner"
# Its page on templates says c.spawner_conf, which is no class: it never had an effect there.
MISPRINTED: Final = "spawner_conf"
# Sections in which it is set, the strongest last.
SECTIONS: Final = ("Spawner", MISPRINTED, SECTION)
FIRST: Final = frozenset(
    {
        "machine_sizes",
        "machine_images",
        "machine_net",
        "libcloudparams",
        "cloud_url",
        "cloud_user",
        "cloud_userpassword",
        "cloud_project",
        "cloud_region",
        "notebookargs",
        "statsdparams",
    }
)
SECOND: Final = frozenset(
    {
        "userserver_sizes",
        "userserver_images",
        "userserver_net",
        "userserver_keyname",
        "libcloud_driver_params",
    }
)
BOTH: Final = frozenset({"forceuser", "userdata_template_module", "userdata_template_name"})
# Of the compat class alone; a file of anywhere.yaml says these things in other places.
NEW: Final = frozenset({"allow_token_in_userdata", "allowed_env", "allowed_argv", "state_folder"})
OWN: Final = FIRST | SECOND | BOTH | NEW
# Never settable, and set by some all the same.
_INTERNAL: Final = frozenset({"machineid", "userserverid"})
# An option of libcloudparams, and the one that fills it where it is left out.
_FILLS: Final = {
    "ex_force_auth_url": "cloud_url",
    "arg_user_id": "cloud_user",
    "arg_key": "cloud_userpassword",
    "ex_tenant_name": "cloud_project",
    "ex_force_service_region": "cloud_region",
}
_DEFAULT_MODULE: Final = "libcloudspawner"
_DEFAULT_TEMPLATE: Final = "userdata.sh.j2"
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it was set, as ``LibcloudSpawner.machine_net``."""

    value: Any
    source: str


@dataclass(slots=True)
class Old:
    """What an old configuration says.

    Attributes:
        generation: 1 or 2.
        images: Display name and cloud name of each image that is offered.
        sizes: The same of sizes.
        network: The network's name; empty where none was set.
        key: The name of a key pair; empty for none.
        account: The account that servers run as; empty for the user's own.
        params: The driver's parameters, filled from the ``cloud_*`` options.
        args: ``Spawner.args`` and ``notebookargs``, unsplit.
        module: Where templates are.
        template: The user-data template's name.
        statsd: The arguments of the statsd client.
        others: JupyterHub's own traits that were set.
        own: Options that only the compat class has.
        sources: Attribute, or ``params.NAME`` or ``others.NAME``, to where it was set.
        problems: What cannot be used.
        notes: What has to be known.
    """

    generation: int = 2
    images: tuple[tuple[str, str], ...] = ()
    sizes: tuple[tuple[str, str], ...] = ()
    network: str = ""
    key: str = ""
    account: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    module: str = _DEFAULT_MODULE
    template: str = _DEFAULT_TEMPLATE
    statsd: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def custom(self) -> bool:
        """Whether its templates are the administrator's own."""
        return self.module != _DEFAULT_MODULE


def is_set(sections: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether anything is set for LibcloudSpawner."""
    return bool(sections.get(SECTION)) or any(name in OWN for name in sections.get("Spawner", {}))


def gather(sections: Mapping[str, Mapping[str, Any]], names: Sequence[str] = SECTIONS) -> Old:
    """Read what is set.

    Args:
        sections: Section to trait to value.
        names: The sections that count, the strongest last.
    """
    given = {
        name: Given(value, f"{section}.{name}")
        for section in names
        for name, value in sections.get(section, {}).items()
    }
    return _Reader(given).read()


class _Reader:
    """Reads one configuration.

    Args:
        given: Trait to what it was set to.
    """

    def __init__(self, given: Mapping[str, Given]) -> None:
        self.given = given
        self.old = Old()

    def read(self) -> Old:
        """Everything at once."""
        old, second = self.old, SECOND & set(self.given)
        old.generation = 2 if second or not FIRST & set(self.given) else 1
        old.images = self._pairs("images", "userserver_images", "machine_images")
        old.sizes = self._pairs("sizes", "userserver_sizes", "machine_sizes")
        old.network = self._text("network", "userserver_net", "machine_net")
        old.account = self._text("account", "forceuser")
        old.module = self._text("module", "userdata_template_module") or _DEFAULT_MODULE
        old.template = self._text("template", "userdata_template_name") or _DEFAULT_TEMPLATE
        self._params()
        self._key()
        self._args()
        self._statsd()
        self._rest()
        return old

    # --- one option ------------------------------------------------------------------------------

    def _first(self, attribute: str, *names: str) -> Given | None:
        """The first of these names that was set; the newer name stands first."""
        found = [self.given[name] for name in names if name in self.given]
        if not found:
            return None
        self.old.sources[attribute] = found[0].source
        if len(found) > 1 and found[0].value != found[1].value:
            self.old.notes.append(f"{found[0].source} counts, and {found[1].source} does not.")
        return found[0]

    def _wrong(self, source: str, why: str, step: str = "") -> None:
        self.old.problems.append(Left(source, why, step))

    def _text(self, attribute: str, *names: str) -> str:
        given = self._first(attribute, *names)
        # 2.x had False as the default of userserver_keyname, and people write it.
        if given is None or given.value is None or given.value is False:
            return ""
        if not isinstance(given.value, str):
            self._wrong(given.source, "it is no text.", "Write a name in quotation marks.")
            return ""
        return given.value

    def _pairs(self, attribute: str, *names: str) -> tuple[tuple[str, str], ...]:
        given = self._first(attribute, *names)
        wanted = names[0] if self.old.generation > 1 else names[-1]
        example = f'c.LibcloudSpawner.{wanted} = [("Display name", "name in the cloud")]'
        if given is None or not given.value:
            source = given.source if given else f"{SECTION}.{wanted}"
            self._wrong(source, f"there are no {attribute} to offer.", f"Set {example}.")
            return ()
        found: dict[str, str] = {}
        values = given.value if isinstance(given.value, list | tuple) else [None]
        for number, entry in enumerate(values, start=1):
            pair = list(entry) if isinstance(entry, list | tuple) else []
            if len(pair) != _PAIR or not all(isinstance(each, str) and each for each in pair):
                why = f"entry {number} is no pair of display name and name in the cloud."
                self._wrong(given.source, why, f"Write {example}.")
            elif pair[1] in found:
                self.old.notes.append(f"{given.source}: {pair[1]} is offered once, as the first.")
            else:
                found[pair[1]] = pair[0]
        return tuple((title, name) for name, title in found.items())

    # --- several ---------------------------------------------------------------------------------

    def _params(self) -> None:
        old = self.old
        given = self._first("params", "libcloud_driver_params", "libcloudparams")
        if given is not None and not isinstance(given.value, dict):
            self._wrong(given.source, "it is no dict.", "See the guide for its keys.")
        elif given is not None:
            old.params = dict(given.value)
            old.sources |= {f"params.{name}": f"{given.source}[{name!r}]" for name in old.params}
        for name, filler in _FILLS.items():
            value = self._text(filler, filler)
            if value and not old.params.get(name):
                old.params[name] = value
                old.sources[f"params.{name}"] = old.sources[filler]
            elif value and old.params[name] != value:
                shown = old.sources[f"params.{name}"]
                old.notes.append(f"{shown} counts, and {old.sources[filler]} does not.")
        self._required()

    def _required(self) -> None:
        old = self.old
        options = "libcloud_driver_params" if old.generation > 1 else "libcloudparams"
        for name, what in (
            ("ex_force_auth_url", "no identity URL is set, and there is no default for it"),
            ("arg_user_id", "no user name or id of an application credential is set"),
            ("arg_key", "no password or secret of an application credential is set"),
        ):
            value = old.params.get(name)
            if value and isinstance(value, str):
                continue
            step = f"Set {name!r} in c.LibcloudSpawner.{options}"
            step += f", or c.LibcloudSpawner.{_FILLS[name]}." if old.generation == 1 else "."
            source = f"{SECTION}.{options}[{name!r}]"
            self._wrong(source, "it is no text." if value else f"{what}.", step)

    def _key(self) -> None:
        old = self.old
        # 1.x took it from the driver's parameters; it was never one of the driver's.
        beside = old.params.pop("ex_keyname", None)
        old.key = self._text("key", "userserver_keyname")
        if not old.key and isinstance(beside, str):
            old.key = beside
            old.sources["key"] = old.sources["params.ex_keyname"]

    def _args(self) -> None:
        old = self.old
        for name in ("args", "notebookargs"):
            given = self._first(name, name)
            if given is None:
                continue
            value = [given.value] if isinstance(given.value, str) else given.value
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                self._wrong(given.source, "it is no list of texts.", 'Write ["--debug"].')
                continue
            # Both examples of upstream have args = [''], which said nothing.
            old.args += [each for each in value if each.strip()]

    def _statsd(self) -> None:
        given = self._first("statsd", "statsdparams")
        if given is None:
            return
        if isinstance(given.value, dict):
            self.old.statsd = dict(given.value)
        else:
            step = 'Write {"host": …, "port": 8125, "prefix": …}.'
            self._wrong(given.source, "it is no dict.", step)

    def _rest(self) -> None:
        old = self.old
        for name, given in self.given.items():
            section = given.source.partition(".")[0]
            if name in NEW:
                old.own[name] = given.value
            elif name in _INTERNAL:
                old.notes.append(f"{given.source} was never an option, and is left out.")
            elif name not in OWN and name != "args":
                old.others[name] = given.value
                old.sources[f"others.{name}"] = given.source
            if section == MISPRINTED and name in BOTH:
                old.notes.append(f"{given.source} counts now; {SECTION} knew no such section.")


def unknown(name: str, known: Sequence[str]) -> str:
    """What is said of an option that nobody knows."""
    return f"there is no such option. {did_you_mean(name, [*sorted(OWN), *known])}".strip()
