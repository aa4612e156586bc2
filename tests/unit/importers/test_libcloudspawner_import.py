"""`anywhere import` of a file of either generation: what is written, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.importers.libcloud_files import FIRST, SECOND

from jupyterhub_anywhere.cli import main
from jupyterhub_anywhere.importers import reading
from jupyterhub_anywhere.importers.libcloudspawner import convert, recognises
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from pathlib import Path


def import_text(folder: Path, text: str, capsys: Any) -> tuple[int, str, str]:
    """Exit code, the written file, and what was told."""
    file, output = folder / "jupyterhub_config.py", folder / "anywhere.yaml"
    file.write_text(text, "utf-8")
    code = main.main(["import", str(file), "-o", str(output), "--force"])
    told = capsys.readouterr().err
    return code, output.read_text("utf-8") if output.exists() else "", told


@pytest.mark.parametrize("text", [FIRST, SECOND])
def test_the_printed_configurations_become_a_file_that_check_accepts(
    text: str, tmp_path: Path, capsys: Any
) -> None:
    code, written, told = import_text(tmp_path, text, capsys)
    assert code == 0, told
    site = load_site(tmp_path / "anywhere.yaml", state_root=tmp_path / "state")
    assert site.targets["cloud"].kind == "cloud"
    assert "Not carried over" not in written
    code = main.main(["check", "-f", str(tmp_path / "anywhere.yaml")])
    assert (code, capsys.readouterr().out.count("error")) == (0, 0)


def test_comments_say_where_each_value_came_from(tmp_path: Path, capsys: Any) -> None:
    _, written, _ = import_text(tmp_path, FIRST, capsys)
    lines = [line.strip() for line in written.splitlines()]
    for value, source in (
        ("user: lops-jupyter", "LibcloudSpawner.libcloudparams['arg_user_id']"),
        ("key: tristanlt", "LibcloudSpawner.libcloudparams['ex_keyname']"),
        ("internal_url: http://10.0.0.1:8081", "JupyterHub.hub_ip"),
        ("networks:", "LibcloudSpawner.machine_net"),
        ("notebook_dir: '~'", "LibcloudSpawner.notebookargs"),
        ("ex_tenant_name: noo-lops-jupyter", "LibcloudSpawner.libcloudparams['ex_tenant_name']"),
    ):
        assert lines[lines.index(value) - 1] == f"# {source}"


def test_the_second_generation_as_a_whole(tmp_path: Path, capsys: Any) -> None:
    _, written, told = import_text(tmp_path, SECOND, capsys)
    cloud = yaml.safe_load(written)["targets"]["cloud"]
    assert cloud["verify"] is False
    assert cloud["insecure"] is True
    assert cloud["internal_url"] == "http://10.42.0.92:8081"
    assert cloud["spawner"] == {
        "networks": ["private-net"],
        "key": "sysadmin",
        "account": "ubuntu",
        "make_account": True,
        "ports": "8666",
        "start_timeout": 600,
        "http_timeout": 60,
        "environment": {"DATA": "/data", "JUPYTER_X": "1"},
    }
    assert "all of LibcloudSpawner's lines" in told


def test_a_password_is_in_the_file_alone_and_the_file_is_for_its_owner_only(
    tmp_path: Path, capsys: Any
) -> None:
    _, written, told = import_text(tmp_path, SECOND, capsys)
    assert "secret-of-the-credential" in written
    assert "secret-of-the-credential" not in told
    assert (tmp_path / "anywhere.yaml").stat().st_mode & 0o077 == 0


def test_a_file_is_recognised_by_its_spawner_or_by_what_it_sets(tmp_path: Path) -> None:
    file = tmp_path / "jupyterhub_config.py"
    for text, ours in (
        ("c.JupyterHub.spawner_class = 'libcloudspawner.LibcloudSpawner'", True),
        ("c.JupyterHub.spawner_class = 'libcloudspawner.spawner.libcloudSpawner'", True),
        (
            (
                "from libcloudspawner.spawner import LibcloudSpawner\n"
                "c.JupyterHub.spawner_class = LibcloudSpawner"
            ),
            True,
        ),
        ("c.JupyterHub.spawner_class = 'jupyterhub_anywhere.compat.LibcloudSpawner'", True),
        ("c.LibcloudSpawner.machine_net = 'x'", True),
        ("c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'", False),
        ("c.Spawner.port = 8000", False),
    ):
        file.write_text(text, "utf-8")
        assert recognises(reading.read(file)) is ours, text


def test_nothing_is_written_where_what_is_needed_is_missing(tmp_path: Path, capsys: Any) -> None:
    text = FIRST.replace("ex_force_auth_url", "auth_url").replace("cloud_url", "cloud_urls")
    code, written, told = import_text(tmp_path, text, capsys)
    assert (code, written) == (1, "")
    assert "no identity URL is set" in told
    assert "Nothing was written." in told


def test_what_is_no_option_and_what_yaml_cannot_hold_are_told(tmp_path: Path, capsys: Any) -> None:
    more = """
def before(spawner):
    pass
c.Spawner.pre_spawn_hook = before
c.LibcloudSpawner.userserver_netz = "typo"
c.Spawner.environment = {"A": "1", "B": before}
c.LibcloudSpawner.allowed_env = ["DATA_*"]
"""
    code, written, told = import_text(tmp_path, SECOND + more, capsys)
    assert code == 1
    for text in (
        "Spawner.pre_spawn_hook: YAML cannot hold the function before",
        "LibcloudSpawner.userserver_netz: there is no such option. Did you mean userserver_net?",
        "Spawner.environment['B']: YAML cannot hold the function before",
        "LibcloudSpawner.allowed_env: it is an option of the class",
    ):
        assert text in told
        assert text in written.replace("\n# ", "\n")
    load_site(tmp_path / "anywhere.yaml", state_root=tmp_path / "state")


def test_values_that_were_only_added_to_are_read(tmp_path: Path) -> None:
    file = tmp_path / "jupyterhub_config.py"
    more = """
c.LibcloudSpawner.userserver_images.append(("More", "more-24"))
"""
    file.write_text(
        SECOND.replace(
            'c.LibcloudSpawner.userserver_images = [("Default image",'
            '"noo33u16-station-jpy-python")]',
            "",
        )
        + more
        + "c.Spawner.environment.update({'A': '1'})\n".replace(
            "c.Spawner.environment", "c.LibcloudSpawner.environment"
        ),
        "utf-8",
    )
    found = convert(reading.read(file), hostname="hub")
    profile = found.data["profiles"]["machine"]
    assert list(profile["options"]["userserver_image"]["choices"]) == ["more-24"]
    assert found.data["targets"]["cloud"]["spawner"]["environment"] == {"A": "1"}


def test_a_file_that_fails_is_read_as_text(tmp_path: Path, capsys: Any) -> None:
    code, written, told = import_text(tmp_path, FIRST + "\nraise RuntimeError('no')\n", capsys)
    assert code == 1
    assert "could not be run to its end" in told
    assert yaml.safe_load(written)["targets"]["cloud"]["spawner"]["networks"] == ["noo-net-33"]


def test_the_section_that_its_guide_misprints_is_read(tmp_path: Path) -> None:
    file = tmp_path / "jupyterhub_config.py"
    more = "c.spawner_conf.userdata_template_name = 'example_userdata_from_scratch.yaml.j2'\n"
    file.write_text(SECOND + more, "utf-8")
    found = convert(reading.read(file), hostname="hub")
    assert found.data["targets"]["cloud"]["spawner"]["configurer"] == "cloud-init"
    assert any("spawner_conf.userdata_template_name counts now" in text for text in found.told)
