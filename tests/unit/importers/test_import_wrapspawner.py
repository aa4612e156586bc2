"""Files of wrapspawner's users become an anywhere.yaml that can be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jupyterhub_anywhere.cli import main
from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.importers import reading
from jupyterhub_anywhere.importers.wrapspawner import convert
from jupyterhub_anywhere.importers.writing import as_yaml
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from jupyterhub_anywhere.importers.result import Imported

README = """
c = get_config()
c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'
c.Spawner.http_timeout = 120
c.ProfilesSpawner.profiles = [
    ("Host process", 'local', 'jupyterhub.spawner.LocalProcessSpawner', {'ip': '0.0.0.0'}),
    ('Docker Python 3', 'singleuser', 'dockerspawner.SystemUserSpawner',
        dict(image="jupyterhub/singleuser")),
    ('Docker Python 3 Scipy', 'scipy-notebook', 'dockerspawner.SystemUserSpawner',
        dict(image="jupyter/scipy-notebook")),
]
"""
BATCH = """
import batchspawner
c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'
c.Spawner.http_timeout = 120
c.BatchSpawnerBase.req_runtime = '12:00:00'
c.TorqueSpawner.state_exechost_exp = r'in-\\1.mesabi.xyz.edu'
c.ProfilesSpawner.ip = '0.0.0.0'
c.ProfilesSpawner.profiles = [
    ("Local server", 'local', 'jupyterhub.spawner.LocalProcessSpawner', {'ip': '0.0.0.0'}),
    ('Mesabi - 2 cores', 'mesabi2c12h', batchspawner.TorqueSpawner,
        dict(req_nprocs='2', req_queue='mesabi', batch_script='#!/bin/sh\\n{cmd}\\n')),
]
"""


def imported(folder: Path, text: str) -> Imported:
    file = folder / "jupyterhub_config.py"
    file.write_text(text, "utf-8")
    return convert(reading.read(file))


def checked(folder: Path, found: Imported) -> dict[str, Any]:
    """What was written, read again and accepted by `anywhere check`."""
    file = folder / "anywhere.yaml"
    file.write_text(as_yaml(found, ["old"]), "utf-8")
    load_site(file, state_root=folder / "state")
    data: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return data


def left(found: Imported) -> str:
    return "\n".join(map(str, found.left))


def test_the_example_of_its_readme(tmp_path: Path) -> None:
    found = imported(tmp_path, README)
    data = checked(tmp_path, found)
    assert left(found) == ""
    assert list(data["profiles"]) == ["local", "singleuser", "scipy-notebook"]
    assert data["profiles"]["local"] == {
        "title": "Host process",
        "targets": ["local"],
        "sets": {"ip": "0.0.0.0"},
    }
    assert data["profiles"]["scipy-notebook"]["sets"] == {"image": "jupyter/scipy-notebook"}
    # One class is one target: its profiles differ in what they set.
    assert list(data["targets"]) == ["local", "docker-users"]
    assert data["targets"]["docker-users"]["class"] == "dockerspawner.SystemUserSpawner"


def test_batch_profiles_with_a_class_object_and_traits_of_the_wrapper(tmp_path: Path) -> None:
    found = imported(tmp_path, BATCH)
    data = checked(tmp_path, found)
    assert left(found) == ""
    assert data["targets"]["torque"] == {
        "kind": "custom",
        "class": "batchspawner.TorqueSpawner",
        "spawner": {"ip": "0.0.0.0"},
    }
    sets = data["profiles"]["mesabi2c12h"]["sets"]
    assert sets["req_nprocs"] == "2"
    assert sets["batch_script"] == "#!/bin/sh\n{cmd}\n"


def test_old_names_of_traits_become_todays(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'
c.ProfilesSpawner.profiles = [
    ("Kube", "kube", "kubespawner.KubeSpawner",
        dict(singleuser_image_spec="img:3.5", singleuser_supplemental_gids=[100])),
    ("Docker", "old", "dockerspawner.DockerSpawner", dict(container_image="x:1")),
]
""",
    )
    data = checked(tmp_path, found)
    assert left(found) == ""
    assert data["profiles"]["kube"]["sets"] == {"image": "img:3.5", "supplemental_gids": [100]}
    assert data["profiles"]["old"]["sets"] == {"image": "x:1"}
    assert "profile old: container_image is called image today." in found.told


def test_every_thing_that_is_lost_is_named(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
def before(spawner):
    pass

c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'
c.ProfilesSpawner.pre_spawn_hook = before
c.ProfilesSpawner.form_template = "<b>{input_template}</b>"
c.ProfilesSpawner.profiles = [
    ("A", "a", "jupyterhub.spawner.SimpleLocalProcessSpawner",
        {"post_stop_hook": lambda spawner: None, "imge": "x", "start_timeout": "soon"}),
    ("A again", "a", "jupyterhub.spawner.SimpleLocalProcessSpawner", {}),
    ("Tag", "repo/image:1.0", "jupyterhub.spawner.SimpleLocalProcessSpawner", {}),
    ("Short", "short"),
    ("Nowhere", "nowhere", "no.such.package.MySpawner", {"image": "x"}),
    ("Odd", "odd", "Spawner", {}),
    ("Env", "env", "jupyterhub.spawner.SimpleLocalProcessSpawner", {"environment": {"env": "X"}}),
]
""",
    )
    data = yaml.safe_load(as_yaml(found, ["old"]))
    text = left(found)
    assert "profile a: post_stop_hook: YAML cannot hold a lambda (line 10)." in text
    assert "profile a: imge: SimpleLocalProcessSpawner has no trait 'imge'." in text
    assert "it had no effect" in text
    assert "profile a: start_timeout: SimpleLocalProcessSpawner does not take" in text
    assert "profile a (A again): its key is used twice" in text
    assert "profile repo/image:1.0: the key is no name of a profile here" in text
    assert "profile number 4: it is no tuple" in text
    assert "target my: no.such.package.MySpawner is not installed here" in text
    assert "profile odd: its class 'Spawner' is no dotted name." in text
    assert "profile env: environment: a mapping with the one key" in text
    assert "ProfilesSpawner.form_template: the menu has its own page" in text
    assert "ProfilesSpawner.pre_spawn_hook: YAML cannot hold the function before (line 2)." in text
    assert list(data["profiles"]) == ["a", "repo-image-1-0", "nowhere", "env"]
    assert data["profiles"]["a"] == {"title": "A", "targets": ["local"]}


def test_docker_profiles_spawner(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
from wrapspawner import DockerProfilesSpawner
c.JupyterHub.spawner_class = DockerProfilesSpawner
c.DockerProfilesSpawner.default_profiles = [
    ("Here", "here", "jupyterhub.spawner.LocalProcessSpawner", {}),
]
c.DockerProfilesSpawner.docker_spawner_args = {"remove": True}
""",
    )
    data = checked(tmp_path, found)
    assert data["targets"]["docker-users"]["spawner"] == {"remove": True}
    assert "whose name ends in `jupyterhub`" in left(found)


def test_one_wrapped_class(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
c.JupyterHub.spawner_class = 'wrapspawner.WrapSpawner'
c.WrapSpawner.child_class = 'jupyterhub.spawner.SimpleLocalProcessSpawner'
c.WrapSpawner.child_config = {'home_dir_template': '/srv/{username}'}
""",
    )
    data = checked(tmp_path, found)
    assert data["targets"]["local"]["spawner"] == {"home_dir_template": "/srv/{username}"}
    assert "profiles" not in data


def test_without_profiles_its_own_default_is_taken(tmp_path: Path) -> None:
    found = imported(tmp_path, "c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'\n")
    data = checked(tmp_path, found)
    assert data["profiles"]["local"]["sets"] == {"start_timeout": 15, "http_timeout": 10}


def test_profiles_that_were_appended(tmp_path: Path) -> None:
    entry = "('B', 'b', 'jupyterhub.spawner.SimpleLocalProcessSpawner', {})"
    found = imported(tmp_path, f"c.ProfilesSpawner.profiles.append({entry})\n")
    assert list(checked(tmp_path, found)["profiles"]) == ["b"]


def test_missing_packages_are_stood_in_for_and_named(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
from nowhere_spawner.deep import LabSpawner, choose
choose(LabSpawner, more=1)
c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'
c.ProfilesSpawner.profiles = [("Lab", "lab", LabSpawner, {"cores": 2})]
""",
    )
    assert found.data["targets"]["lab"]["class"] == "nowhere_spawner.deep.LabSpawner"
    assert found.data["profiles"]["lab"]["sets"] == {"cores": 2}
    assert "The Python package nowhere_spawner is not installed here." in found.told
    assert "is not installed here" in left(found)


def test_a_file_that_fails_is_read_by_its_text(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        "import os\nsecret = os.environ['NOT_SET_ANYWHERE']\n" + README.replace("c = ", "d = "),
    )
    data = checked(tmp_path, found)
    assert list(data["profiles"]) == ["local", "singleuser", "scipy-notebook"]
    assert "(line 2: KeyError: 'NOT_SET_ANYWHERE')" in left(found)


def test_a_file_that_ends_its_python_is_read_by_its_text(tmp_path: Path) -> None:
    found = imported(tmp_path, "import os\nos._exit(9)\n" + README.replace("c = ", "d = "))
    assert list(checked(tmp_path, found)["profiles"]) == ["local", "singleuser", "scipy-notebook"]
    assert "it ended its Python with exit code 9" in left(found)


def test_a_file_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RUN_SECONDS", 0.5)
    found = imported(tmp_path, "while True: pass\n")
    assert (
        "it did not end within 0.5 seconds"
        in reading.read(tmp_path / "jupyterhub_config.py").failure
    )
    assert found.data == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"c.X.y = (\n", "jupyterhub_config.py:1:"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x = 1\0", "jupyterhub_config.py"),
    ],
)
def test_what_is_no_python(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "jupyterhub_config.py"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        reading.read(file)


def test_the_command_writes_once_and_privately(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "jupyterhub_config.py"
    old.write_text(README, "utf-8")
    new = tmp_path / "new.yaml"
    assert main.main(["import", str(old), "-o", str(new)]) == 0
    told = capsys.readouterr().err
    assert "3 profiles, 2 targets" in told
    assert f"setup(c, '{new}')" in told
    assert new.stat().st_mode & 0o777 == 0o600
    before = new.read_text("utf-8")
    assert main.main(["import", str(old), "-o", str(new)]) == 4
    assert "is there already. Name another file" in capsys.readouterr().err.replace("\n ", "")
    assert new.read_text("utf-8") == before
    assert main.main(["import", str(old), "-o", str(new), "--force"]) == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_command_says_what_was_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "old.py"
    old.write_text(README + "c.ProfilesSpawner.input_template = 'x'\n", "utf-8")
    assert main.main(["import", str(old), "-o", "-"]) == 1
    shown = capsys.readouterr()
    assert "# - ProfilesSpawner.input_template: the menu has its own page" in shown.out
    assert "Not carried over: ProfilesSpawner.input_template" in shown.err
    assert yaml.safe_load(shown.out)["targets"]


def test_the_command_on_a_file_of_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.py"
    old.write_text("c.JupyterHub.port = 8000\n", "utf-8")
    new = tmp_path / "anywhere.yaml"
    assert main.main(["import", str(old), "-o", str(new)]) == 1
    assert "sets nothing for wrapspawner" in capsys.readouterr().err
    assert not new.exists()
    assert main.main(["import", str(tmp_path / "none.py"), "-o", str(new)]) == 2
    assert "none.py: cannot be read: no such file or directory" in capsys.readouterr().err


def test_what_the_old_file_prints_is_not_in_the_answer(tmp_path: Path) -> None:
    old = tmp_path / "old.py"
    old.write_text("print('CHATTER')\n" + README, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jupyterhub_anywhere.cli", "import", str(old), "-o", "-"],
        env={**os.environ, "PYTHONPATH": str(Path(reading.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CHATTER" in done.stderr
    assert "CHATTER" not in done.stdout
    assert yaml.safe_load(done.stdout)["profiles"]
