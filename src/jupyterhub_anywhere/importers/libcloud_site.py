"""What was set for LibcloudSpawner, as a target of the kind ``cloud`` and a profile.

Pure: the importer writes the answer down, and the class of the old name runs it as it is. So both
ask a cloud for the same machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.importers.notebook_args import split, translate
from jupyterhub_anywhere.importers.result import Imported, Left
from jupyterhub_anywhere.importers.values import foreign_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.importers.libcloud_options import Old

TARGET: Final = "cloud"
PROFILE: Final = "machine"
# Where the templates are that upstream ships, under their names.
SHIPPED_MODULE: Final = "jupyterhub_anywhere.compat"
PLAIN_TEMPLATE: Final = "userdata.sh.j2"
# They install Jupyter at boot, on an image that has none.
INSTALLING: Final = (
    "example_userdata_from_scratch.yaml.j2",
    "example_userdata_from_vanilla_cloudimage.yaml.j2",
)
# The names of the form's fields, by generation: image, size, and their titles.
FIELDS: Final = {
    1: (("machineimage", "Notebook type"), ("machinesize", "Resources")),
    2: (("userserver_image", "Operating system"), ("userserver_size", "Resources")),
}
_FIRST_PORT: Final = "8000"
_PORTS: Final = "8000-8999"
_TOP_PORT: Final = 65535
# Parameters that have a key of their own.
_KEYS: Final = {
    "arg_user_id": "user",
    "arg_key": "key",
    "ex_force_auth_url": "auth_url",
    "ex_force_service_region": "region",
}
_VERSION: Final = "ex_force_auth_version"
_DEFAULT_VERSION: Final = "3.x_password"
# Traits of JupyterHub that had no effect on a machine, with the reason.
_UNUSED: Final = {
    "cmd": "the machine's own jupyterhub-singleuser was run, whatever it said",
    "ip": "servers listen where the hub reaches their machine",
    "env_keep": "variables of the hub's own process never reached a machine",
    "debug": "it was never passed on; --debug in args is",
}
_FORMS: Final = frozenset({"options_form", "options_from_form"})


def option_names(old: Old) -> tuple[str, str]:
    """The names of the options for image and size."""
    (image, _), (size, _) = FIELDS[old.generation]
    return image, size


def template_name(old: Old) -> str:
    """The shipped template that is named, in full; empty where there is none of that name."""
    names = {PLAIN_TEMPLATE, *INSTALLING}
    short = {name.split(".")[0]: name for name in names}
    return old.template if old.template in names else short.get(old.template, "")


def declare(old: Old, address: tuple[str, str] = ("", "")) -> Imported:
    """Make a target and a profile of what was set.

    Args:
        old: What was set; without problems.
        address: What `hub_address` says.

    Returns:
        The configuration with the source of each value. What is left was not carried over.
    """
    return _Making(old).make(address)


class _Making:
    def __init__(self, old: Old) -> None:
        self.old = old
        self.out = Imported(left=list(old.problems), told=list(old.notes))
        self.target: dict[str, Any] = {"kind": "cloud", "title": "Cloud machines"}
        self.spawner: dict[str, Any] = {}

    def make(self, address: tuple[str, str]) -> Imported:
        """The whole."""
        self._cloud()
        self._reach(address)
        self._machine()
        self._template()
        self._server()
        self._others()
        if self.old.statsd:
            self.out.leave(
                self.old.sources["statsd"],
                "anywhere.yaml has no statsd.",
                "The hub tells Prometheus the same at /hub/metrics; the class"
                " jupyterhub_anywhere.compat.LibcloudSpawner goes on to send it.",
            )
        self.target["spawner"] = self.spawner
        self.out.data = {"targets": {TARGET: self.target}, "profiles": {PROFILE: self._profile()}}
        return self.out

    def _from(self, attribute: str, *path: str) -> None:
        source = self.old.sources.get(attribute)
        if source:
            self.out.sources[path] = source

    def _set(self, trait: str, value: Any, attribute: str = "") -> None:
        self.spawner[trait] = value
        self._from(attribute or trait, "targets", TARGET, "spawner", trait)

    # --- the target ------------------------------------------------------------------------------

    def _cloud(self) -> None:
        params, options = dict(self.old.params), {}
        self.target["driver"] = "openstack"
        if _VERSION not in params:
            params[_VERSION] = _DEFAULT_VERSION
            self.out.told.append(
                f"{_VERSION} was not set; it is {_DEFAULT_VERSION}, since Keystone has no version"
                " 2 any more."
            )
        for name, key in _KEYS.items():
            if name in params:
                self.target[key] = params.pop(name)
                self._from(f"params.{name}", "targets", TARGET, key)
        self._verify(params)
        for name, value in params.items():
            foreign = foreign_in(value)
            source = self.old.sources.get(f"params.{name}", name)
            if foreign is not None:
                self.out.leave(source, f"YAML cannot hold {foreign.what}.", "Write its value.")
                continue
            options[name] = value
            self._from(f"params.{name}", "targets", TARGET, "options", name)
        self.target["options"] = options

    def _verify(self, params: dict[str, Any]) -> None:
        if "verify_ssl_cert" not in params:
            return
        value = params.pop("verify_ssl_cert")
        if value is not True:
            self.target["verify"] = value if isinstance(value, str) else bool(value)
            self._from("params.verify_ssl_cert", "targets", TARGET, "verify")

    def _reach(self, address: tuple[str, str]) -> None:
        url, source = address
        if not url:
            self.out.leave(
                f"JupyterHub.{source or 'hub_ip'}",
                "the hub's API listens on the hub's own machine only, where no other reaches it.",
                "Set c.JupyterHub.hub_bind_url to an address of the hub's machine, as"
                ' "http://10.0.0.1:8081", or hub.internal_url of anywhere.yaml.',
            )
            return
        self.target["internal_url"] = url
        self.out.sources["targets", TARGET, "internal_url"] = f"JupyterHub.{source}"
        if url.startswith("http:"):
            self.target["insecure"] = True
            self.out.told.append(
                f"{url} is plain http: everybody between the hub and its machines can read what"
                " servers get, their tokens included. Use https with `ca`;"
                " c.JupyterHub.internal_ssl makes both."
            )

    # --- the machine -----------------------------------------------------------------------------

    def _machine(self) -> None:
        old = self.old
        if old.network:
            self._set("networks", [old.network], "network")
        if old.key:
            self._set("key", old.key)
        if old.account:
            self._set("account", old.account)
        self.spawner["make_account"] = True
        self._ports()

    def _ports(self) -> None:
        port = self.old.others.get("port", 0)
        if isinstance(port, int) and not isinstance(port, bool) and 0 < port <= _TOP_PORT:
            self._set("ports", str(port), "others.port")
        elif port:
            source = self.old.sources["others.port"]
            self.out.leave(source, f"{port!r} is no port.", "Write a number from 1 to 65535.")
        elif self.old.generation == 1 or template_name(self.old) in INSTALLING:
            self.spawner["ports"] = _FIRST_PORT
        else:
            self.spawner["ports"] = _PORTS

    def _template(self) -> None:
        old, name = self.old, template_name(self.old)
        if old.custom:
            self.out.leave(
                f"{old.sources['module']} = {old.module!r}",
                "a template that starts the server itself has no place in anywhere.yaml: the agent"
                " starts it.",
                "Keep in it what prepares the machine, and set configurer and userdata_module; or"
                " go on with the class jupyterhub_anywhere.compat.LibcloudSpawner.",
            )
        elif not name:
            self.out.leave(
                f"{old.sources.get('template', 'userdata_template_name')} = {old.template!r}",
                "libcloudspawner has no such template.",
                f"It has {', '.join((PLAIN_TEMPLATE, *INSTALLING))}.",
            )
        elif name in INSTALLING:
            self._set("configurer", "cloud-init", "template")
            self.spawner |= {"userdata_module": SHIPPED_MODULE, "userdata_name": name}
            self.spawner["install"] = {"enabled": True, "packages": ["jupyter"]}

    # --- the server ------------------------------------------------------------------------------

    def _server(self) -> None:
        old = self.old
        try:
            found = translate(split(old.args))
        except ValueError as error:
            source = old.sources.get("notebookargs") or old.sources["args"]
            self.out.left.append(Left(source, str(error), "Close the quotation."))
            return
        source = "notebookargs" if "notebookargs" in old.sources else "args"
        if found.args:
            self._set("args", found.args, source)
        if found.notebook_dir:
            self._set("notebook_dir", found.notebook_dir, source)
        if found.default_url:
            self._set("default_url", found.default_url, source)
        self.out.told += found.notes

    def _others(self) -> None:
        for name, value in self.old.others.items():
            source = self.old.sources[f"others.{name}"]
            if name == "port" or (name in self.spawner and name != "args"):
                continue
            if name in _UNUSED:
                self.out.told.append(f"{source} is left out: {_UNUSED[name]}.")
            elif name in _FORMS:
                why = "the menu is made of the profiles; it escapes what it shows."
                self.out.leave(source, why, "Declare options of a profile.")
            elif name == "environment" and isinstance(value, dict):
                self._environment(value, source)
            elif (foreign := foreign_in(value)) is not None:
                why = f"YAML cannot hold {foreign.what}."
                self.out.leave(source, why, "Set it in jupyterhub_config.py, as c.Spawner.")
            else:
                self._set(name, value, f"others.{name}")
        if "cmd" in self.old.others:
            # It is read from c.Spawner otherwise.
            self.spawner["cmd"] = ["jupyterhub-singleuser"]

    def _environment(self, value: Mapping[str, Any], source: str) -> None:
        kept = {}
        for name, each in value.items():
            foreign = foreign_in(each)
            if foreign is None:
                kept[name] = each
            else:
                self.out.leave(
                    f"{source}[{name!r}]",
                    f"YAML cannot hold {foreign.what}.",
                    "Set it in jupyterhub_config.py, as c.Spawner.environment.",
                )
        self._set("environment", kept, "others.environment")

    # --- the profile -----------------------------------------------------------------------------

    def _profile(self) -> dict[str, Any]:
        old = self.old
        options = {}
        for (name, title), attribute in zip(FIELDS[old.generation], ("image", "size"), strict=True):
            offered = old.images if attribute == "image" else old.sizes
            if not offered:
                continue
            options[name] = {
                "title": title,
                "type": "choice",
                "sets": {attribute: "{value}"},
                "choices": {key: {"title": shown} for shown, key in offered},
            }
            self._from(f"{attribute}s", "profiles", PROFILE, "options", name, "choices")
        return {"title": "Cloud machine", "targets": [TARGET], "options": options}
