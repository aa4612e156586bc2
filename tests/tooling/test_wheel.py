"""What people get who install the package into an environment that already has JupyterHub.

The environments made here see the packages of this one, but not its programs: there is no Node,
no make and no clone within their reach, and nothing is fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("LICENSE", "README.md", "pyproject.toml", "src")
RESOLVE = """
import jupyterhub_anywhere
from jupyterhub.app import JupyterHub
hub = JupyterHub(spawner_class="anywhere")
print(jupyterhub_anywhere.__file__)
print(hub.spawner_class.__module__, hub.spawner_class.__name__)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's sources alone, outside the repository."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from them."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, cwd=clone, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A new environment in which JupyterHub is installed, and we are not."""
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True, with_pip=False)
    base = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", base))
    # A path file adds this environment's packages behind its own; path files there do not count.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(environment: Path, *words: str) -> str:
    """Run the environment's Python with an empty PATH; its standard output."""
    tools = environment / "tools"
    tools.mkdir(exist_ok=True)
    git = shutil.which("git")
    if git is not None and not (tools / "git").exists():
        (tools / "git").symlink_to(git)
    answer = subprocess.run(
        [environment / "bin/python", *words],
        capture_output=True,
        check=False,
        cwd=environment,
        env={"PATH": str(tools), "HOME": str(environment), "LANG": "C.UTF-8"},
        text=True,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def install(environment: Path, what: str) -> None:
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--force-reinstall", "--quiet")
    run(environment, "-m", "pip", "install", *options, what)


def assert_spawner_resolves(environment: Path) -> None:
    location, spawner = run(environment, "-I", "-c", RESOLVE).splitlines()[-2:]
    assert Path(location).is_relative_to(environment)
    assert spawner.endswith(" AnywhereSpawner")


def test_the_wheel_holds_templates_static_files_and_the_proxys_lock(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "src/jupyterhub_anywhere"
    data = {
        f"jupyterhub_anywhere/{path.relative_to(package)}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert data <= names
    assert "jupyterhub_anywhere/hub/node/package-lock.json" in names
    assert "jupyterhub_anywhere/py.typed" in names
    assert any(name.startswith("jupyterhub_anywhere/web/templates/") for name in names)
    assert any(name.startswith("jupyterhub_anywhere/web/static/") for name in names)
    assert not any(name.startswith(("tests/", "docs/", "tools/")) for name in names)


def test_from_the_wheel_the_spawner_is_found_by_its_name(wheel: Path, environment: Path) -> None:
    install(environment, str(wheel))

    assert_spawner_resolves(environment)
    assert (environment / "bin/anywhere").is_file()


def test_from_a_git_url_the_spawner_is_found_by_its_name(
    clone: Path, environment: Path, tmp_path: Path
) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is missing. Cure: apt-get install git")
    repository = tmp_path / "repository"
    shutil.copytree(clone, repository)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "All")):
        subprocess.run([git, *words], check=True, cwd=repository, env={**os.environ, "HOME": "/"})

    install(environment, f"git+file://{repository}")

    assert_spawner_resolves(environment)
