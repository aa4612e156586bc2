"""The imported file and the class of the old name ask a cloud for the same machines."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.importers.libcloud_files import first_sections, sections
from traitlets.config import Config

from jupyterhub_anywhere.catalog.choice import Who
from jupyterhub_anywhere.compat.opening import open_site
from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.importers.libcloudspawner import convert
from jupyterhub_anywhere.importers.reading import OldConfig
from jupyterhub_anywhere.importers.values import plain
from jupyterhub_anywhere.importers.writing import as_yaml
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from jupyterhub_anywhere.spawner.site import Site

ANN = Who("ann")
WORD = st.text("abcdefghij0123456789.-_", min_size=1, max_size=8)
PAIRS = st.lists(st.tuples(WORD, WORD), min_size=1, max_size=3, unique_by=lambda pair: pair[1])
ARGS = st.lists(
    st.sampled_from(["", "--debug", "--notebook-dir=~", "--NotebookApp.x=1", "--port 80", "'a b'"]),
    max_size=4,
)
HUBS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"hub_connect_url": "http://10.0.0.1:8081"},
        {"hub_ip": "10.0.0.1", "internal_ssl": True},
        {"hub_bind_url": "https://10.0.0.1:9000/hub/"},
    ]
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """What administrators of either generation may have set."""
    first = draw(st.booleans())
    names = ("machine", "libcloudparams") if first else ("userserver", "libcloud_driver_params")
    make = first_sections if first else sections
    found = make(**{f"{names[0]}_images": draw(PAIRS), f"{names[0]}_sizes": draw(PAIRS)})
    section = found["LibcloudSpawner"]
    section[f"{names[0]}_net"] = draw(WORD)
    if draw(st.booleans()):
        section[names[1]] = {**section[names[1]], "api_version": "2.2", "verify_ssl_cert": False}
    if draw(st.booleans()):
        section["forceuser"] = draw(st.sampled_from(["ubuntu", "lab"]))
    if first:
        section["notebookargs"] = " ".join(draw(ARGS))
    elif draw(st.booleans()):
        section["userserver_keyname"] = draw(WORD)
    if draw(st.booleans()):
        section["userdata_template_name"] = "example_userdata_from_scratch"
    spawner: dict[str, Any] = {"args": draw(ARGS), "environment": {"A": draw(WORD)}}
    if draw(st.booleans()):
        spawner["port"] = draw(st.integers(1, 65535))
    return {**found, "Spawner": spawner, "JupyterHub": {**draw(HUBS)}}


def asked(site: Site) -> dict[str, Any]:
    """All that decides over the calls to the cloud, for every choice that there is."""
    target, factory = site.targets["cloud"], site.factories["cloud"]
    [offer] = site.catalog.visible(ANN)
    [image, size] = offer.first_target.options
    values = offer.first_target.options
    found = {}
    for one in values[image].values:
        for other in values[size].values:
            raw = {"profile": "machine", "options": {image: one.key, size: other.key}}
            choice = site.catalog.resolve(raw, ANN)
            found[one.key, other.key] = {**factory.values, **site.catalog.settings(choice)}
    return {"kind": target.kind, "keys": target.own.model_dump(), "servers": found}


@settings(max_examples=15, deadline=None)
@given(configurations())
def test_both_ways_make_the_same_calls(found: dict[str, dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "anywhere.yaml"
        old = OldConfig(Path("jupyterhub_config.py"), {k: plain(v) for k, v in found.items()})
        imported = convert(old, hostname=socket.getfqdn())
        assert imported.left == []
        file.write_text(as_yaml(imported, ["old"]), "utf-8")
        theirs = load_site(file, state_root=folder / "state")
        mine = {**found["LibcloudSpawner"], "state_folder": str(folder / "state")}
        ours = open_site(Config({**found, "LibcloudSpawner": mine}))
        assert asked(ours.site) == asked(theirs)


def opened(tmp_path: Path, **more: Any) -> Any:
    found = sections(state_folder=str(tmp_path / "state"), **more)
    return open_site(Config({**found, "JupyterHub": {"hub_ip": "10.0.0.1"}}))


def test_hooks_and_functions_reach_the_spawner_as_they_are(tmp_path: Path) -> None:
    def hook(_: Any) -> None:
        raise AssertionError

    environment = {"A": "1", "B": lambda spawner: spawner.user.name}
    found = opened(tmp_path, pre_spawn_hook=hook, environment=environment)
    values = found.site.factories["cloud"].values
    assert values["pre_spawn_hook"] is hook
    assert values["environment"] == environment
    assert not [text for text in found.told if "YAML" in text]


def test_an_option_that_nobody_knows_is_a_warning(tmp_path: Path) -> None:
    found = opened(tmp_path, userserver_netz="x")
    assert any("Did you mean userserver_net?" in text for text in found.told)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("allowed_env", "DATA"),
        ("allowed_argv", [1]),
        ("mem_limit", {}),
        ("userserver_sizes", []),
        ("forceuser", "root"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(tmp_path: Path, option: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        opened(tmp_path, **{option: value})
