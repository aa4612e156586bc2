"""Which state folder and which file the command uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from jupyterhub_anywhere.cli.main import cli
from jupyterhub_anywhere.cli.session import Session, choose_file
from jupyterhub_anywhere.core.errors import SurroundingsError


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANYWHERE_STATE", raising=False)
    monkeypatch.delenv("ANYWHERE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told", "state"),
    [
        (["--state", "/a", "service"], "", "/a"),
        (["service", "--state", "/b"], "", "/b"),
        (["--state", "/a", "service", "--state", "/b"], "", "/b"),
        (["service"], "/c", "/c"),
        (["--state", "/a", "service"], "/c", "/a"),
        (["service", "--state", "/b"], "/c", "/b"),
    ],
)
def test_the_nearest_word_wins(arguments: list[str], told: str, state: str) -> None:
    result = CliRunner().invoke(cli, arguments, env={"ANYWHERE_STATE": told})
    assert result.exit_code == 0, result.output
    assert f"--state {state} " in result.output


def test_a_relative_state_folder_is_made_absolute(tmp_path: Path) -> None:
    assert Session(state=Path("x")).paths.root == tmp_path / "x"


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(cli, ["--state", "file", "service"])
    assert result.exit_code == 2
    assert "is a file" in result.output


def test_the_file_of_this_folder_is_found(tmp_path: Path) -> None:
    assert choose_file(None) is None
    (tmp_path / "anywhere.yaml").touch()
    assert choose_file(None) == Path("anywhere.yaml")
    assert choose_file(Path("other.yaml")) == Path("other.yaml")


@pytest.mark.root
def test_a_strangers_file_is_not_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "anywhere.yaml").touch()
    os.chown(tmp_path / "anywhere.yaml", 12345, 12345)
    monkeypatch.delenv("SUDO_UID", raising=False)
    with pytest.raises(SurroundingsError, match="uid 12345") as caught:
        choose_file(None)
    assert "-f anywhere.yaml" in caught.value.hint
    monkeypatch.setenv("SUDO_UID", "12345")
    assert choose_file(None) == Path("anywhere.yaml")
