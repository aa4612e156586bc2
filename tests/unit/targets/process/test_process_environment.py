"""A server's environment variables, and the Python environment it comes from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.process.environment import (
    Prefix,
    absolute_folder,
    basic_variables,
    check_prefix,
    checked_variables,
    resolve_command,
)
from jupyterhub_anywhere.targets.process.identity import Identity

ANN = Identity("ann", 70001, 70001, (), Path("/homes/ann"))
HUB = "6.1.1"


def make_prefix(folder: Path, *, version: str = "", script: bool = True) -> Prefix:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python3").symlink_to(sys.executable)
    if script:
        (folder / "bin" / "jupyterhub-singleuser").write_text("#!/bin/sh\n")
        (folder / "bin" / "jupyterhub-singleuser").chmod(0o755)
    if version:
        info = folder / "lib" / "python3.12" / "site-packages" / f"jupyterhub-{version}.dist-info"
        info.mkdir(parents=True)
    return Prefix.named(str(folder))


def test_the_hubs_own_environment_is_the_default() -> None:
    own = Prefix.named("")
    assert own.own
    assert own.path == Path(sys.prefix)
    assert own.python.exists()


def test_an_environment_that_fits_passes(tmp_path: Path) -> None:
    check_prefix(make_prefix(tmp_path / "a", version="6.0.1"), HUB)
    # A link to another environment's packages has no files to read a version from.
    check_prefix(make_prefix(tmp_path / "b"), HUB)


@pytest.mark.parametrize(
    ("version", "script", "text"),
    [
        ("", False, r"has no JupyterHub\. Run `.*python3 -m pip install 'jupyterhub==6\.1\.1'"),
        ("5.5.4", True, r"has JupyterHub 5\.5\.4, and this hub is 6\.1\.1"),
        ("10.0.0", True, r"has JupyterHub 10\.0\.0"),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(
    tmp_path: Path,
    version: str,
    script: bool,  # noqa: FBT001 - a parameter of the test
    text: str,
) -> None:
    prefix = make_prefix(tmp_path / "env", version=version, script=script)
    with pytest.raises(TargetError, match=text) as caught:
        check_prefix(prefix, HUB)
    assert str(tmp_path / "env") in caught.value.message


def test_an_environment_without_python_or_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"env does not exist.*correct `prefix`"):
        check_prefix(Prefix.named(str(tmp_path / "env")), HUB)
    with pytest.raises(TargetError, match=r"has no .*/bin/python"):
        check_prefix(Prefix.named(str(tmp_path)), HUB)


def test_a_relative_environment_is_refused() -> None:
    with pytest.raises(TargetError, match="The environment envs/x is no absolute path"):
        check_prefix(Prefix.named("envs/x"), HUB)
    assert Prefix.named("envs/x", "/srv").path == Path("/srv/envs/x")
    assert Prefix.named("/envs/x", "/srv").path == Path("/envs/x")


def test_venv_and_conda_say_where_they_are(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env")
    assert prefix.variables() == {}
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert prefix.variables() == {"VIRTUAL_ENV": str(prefix.path)}
    (tmp_path / "env" / "conda-meta").mkdir()
    assert prefix.variables() == {"CONDA_PREFIX": str(prefix.path), "CONDA_DEFAULT_ENV": "env"}


def test_the_standard_command_is_the_environments_own(tmp_path: Path) -> None:
    with_script = make_prefix(tmp_path / "a")
    assert resolve_command(["jupyterhub-singleuser"], with_script, "") == [
        str(tmp_path / "a/bin/jupyterhub-singleuser")
    ]
    without = make_prefix(tmp_path / "b", script=False)
    assert resolve_command(["jupyterhub-singleuser"], without, "") == [
        str(tmp_path / "b/bin/python3"),
        "-m",
        "jupyterhub.singleuser",
    ]


def test_another_command_is_looked_up_on_the_servers_path(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "a")
    assert resolve_command(["sh", "-c", "x"], prefix, "/bin:/usr/bin") == ["/bin/sh", "-c", "x"]
    with pytest.raises(TargetError, match="'shh' is not on its PATH") as refused:
        resolve_command(["shh"], prefix, "/opt/somewhere")
    # Users read it, and where things are installed is none of their business.
    assert "/opt/somewhere" not in str(refused.value)


def test_nothing_of_the_hub_reaches_a_server_but_language_and_time(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path / "env")
    hub = {"LANG": "de_DE.UTF-8", "TZ": "Europe/Berlin", "AWS_SECRET": "x", "PATH": "/hub"}
    assert basic_variables(ANN, prefix, hub) == {
        "HOME": "/homes/ann",
        "USER": "ann",
        "LOGNAME": "ann",
        "SHELL": "/bin/bash",
        "PATH": f"{tmp_path}/env/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "de_DE.UTF-8",
        "TZ": "Europe/Berlin",
    }


@pytest.mark.parametrize("hub", [{}, {"LANG": "C"}, {"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}])
def test_the_c_locale_is_replaced(hub: dict[str, str]) -> None:
    assert basic_variables(ANN, Prefix.named(""), hub)["LANG"] == "C.UTF-8"


def test_variables_become_texts() -> None:
    assert checked_variables({"A": 1, "B": None, "C": "ü"}) == {"A": "1", "C": "ü"}


@pytest.mark.parametrize("bad", [{"A=B": "c"}, {"": "c"}, {"A": "b\0c"}, {"A\0": "b"}])
def test_variables_that_cannot_be_passed_on_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(TargetError, match="cannot be in a server's environment"):
        checked_variables(bad)


@pytest.mark.parametrize(
    ("folder", "absolute"),
    [
        ("~", "/h/ann"),
        ("~/work", "/h/ann/work"),
        ("work", "/h/ann/work"),
        ("/srv/data", "/srv/data"),
        (".", "/h/ann"),
    ],
)
def test_notebook_folders_start_from_the_home(folder: str, absolute: str) -> None:
    assert absolute_folder(folder, Path("/h/ann")) == absolute
