"""What the images of tests are made from: found, kept and renewed without a network of ours."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from engines import room
from engines.docker import supplies
from engines.docker.certificates import write_certificates

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "images/singleuser"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANYWHERE_CACHE", str(tmp_path / "cache"))
    return supplies.cache()


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def test_the_image_has_the_hubs_versions() -> None:
    image, hub = pins(IMAGE / "requirements.txt"), pins(ROOT / "requirements/run.txt")
    dockerfile = (IMAGE / "Dockerfile").read_text()

    assert {"jupyterhub", "jupyterlab"} <= image.keys()
    assert {name for name, pin in image.items() if hub.get(name) != pin} == set()
    assert set(re.findall(r"ARG JUPYTERHUB_VERSION=(.*)", dockerfile)) == {hub["jupyterhub"]}


def test_the_images_lock_names_no_host() -> None:
    text = (IMAGE / "requirements.txt").read_text()

    assert "://" not in text
    assert text.count("--hash=sha256:") > len(pins(IMAGE / "requirements.txt"))


@pytest.mark.parametrize(
    ("lines", "site"),
    [
        (["http://a.example/debian Debian main"], "http://a.example/debian"),
        (
            [
                "https://other.example/apt Other main",
                "http://a.example/debian-security Debian main",
                "http://a.example/debian Debian contrib",
                "http://b.example/debian Debian main",
            ],
            "http://b.example/debian",
        ),
        (["http://a.example/ubuntu Ubuntu main"], ""),
        ([], ""),
    ],
)
def test_the_mirror_is_the_one_that_apt_uses(lines: list[str], site: str) -> None:
    assert supplies.first_mirror(lines) == site


def test_a_machine_without_a_mirror_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANYWHERE_DEBIAN_MIRROR", raising=False)
    with pytest.raises(supplies.SupplyError, match="set ANYWHERE_DEBIAN_MIRROR"):
        supplies.mirror()
    monkeypatch.setenv("ANYWHERE_DEBIAN_MIRROR", "http://mine.example/debian")
    assert supplies.mirror() == "http://mine.example/debian"


def test_a_missing_program_is_named_with_its_package() -> None:
    assert room.lacking({"sh": "dash"}) == ""
    assert room.lacking({"no-such-program": "its-package"}) == (
        "Missing: no-such-program. Cure: sudo apt-get install its-package"
    )


def test_an_entry_of_the_cache_is_whole_or_not_there(cache: Path) -> None:
    def half_made() -> None:
        with supplies.made("entry") as target:
            assert target is not None
            target.mkdir()
            (target / "half").touch()
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        half_made()
    assert [entry.name for entry in cache.iterdir()] == [".entry.lock"]

    with supplies.made("entry") as target:
        assert target is not None
        target.write_text("whole")
    with supplies.made("entry") as again:
        assert again is None
    assert (cache / "entry").read_text() == "whole"


def test_what_nobody_uses_is_removed_from_the_cache(cache: Path) -> None:
    for name in ("old.tar", "new.tar"):
        (cache / name).touch()
    (cache / "wheels-old").mkdir()
    (cache / "wheels-old" / "some.whl").touch()
    for name in ("old.tar", "wheels-old"):
        os.utime(cache / name, (1, 1))

    supplies.prune()

    assert [entry.name for entry in cache.iterdir()] == ["new.tar"]


def test_a_name_changes_with_contents_names_and_modes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one").write_text("1")
    names = {supplies.digest(folder)}
    (folder / "one").write_text("2")
    names.add(supplies.digest(folder))
    (folder / "one").chmod(0o755)
    names.add(supplies.digest(folder))
    (folder / "one").rename(folder / "two")
    names.add(supplies.digest(folder))

    assert len(names) == 4
    assert supplies.digest(folder) in names
    assert supplies.digest("ab", "c") != supplies.digest("a", "bc")


def test_keys_are_readable_for_their_owner_only(tmp_path: Path) -> None:
    write_certificates(tmp_path / "tls")

    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert made.keys() == {"ca.pem", "cert.pem", "key.pem", "server-cert.pem", "server-key.pem"}
    assert made["key.pem"] == made["server-key.pem"] == 0o600
