"""Secrets are named in the file, read late, and printed never."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from jupyterhub_anywhere.config.crosscheck import secret_problems
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.secrets import (
    Secret,
    SecretUnavailableError,
    as_secret,
    missing_secrets,
    resolve_secrets,
)


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", " hunter2 ")
    assert Secret(env="TOKEN").read() == " hunter2 "
    monkeypatch.delenv("TOKEN")
    with pytest.raises(SecretUnavailableError, match="TOKEN is not set"):
        Secret(env="TOKEN").read()


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n\n")
    assert Secret(file=Path("token")).read(tmp_path) == "hunter2"
    assert Secret(file=tmp_path / "token").read(Path("/elsewhere")) == "hunter2"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * ((1 << 20) + 1)])
def test_what_is_no_secret_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SecretUnavailableError, match=r"token (cannot be read|is larger)"):
        Secret(file=tmp_path / "token").read()


@pytest.mark.parametrize("name", ["gone", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SecretUnavailableError, match="cannot be read"):
        Secret(file=Path(name)).read(tmp_path)


@pytest.mark.parametrize("data", [{}, {"env": "A", "file": "b"}, {"env": ""}, {"evn": "A"}])
def test_a_secret_has_one_place(data: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Secret.model_validate(data)


def test_untyped_data_names_secrets_by_a_mapping_of_one_key() -> None:
    assert as_secret({"env": "TOKEN"}) == Secret(env="TOKEN")
    assert as_secret({"file": "a/b"}) == Secret(file=Path("a/b"))
    # Traits that are mappings themselves.
    assert as_secret({"env": "production"}) is None
    assert as_secret({"env": "A", "file": "b"}) is None
    assert as_secret({"env": 7}) is None
    assert as_secret("env") is None


def test_secrets_are_resolved_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "one")
    (tmp_path / "f").write_text("two")
    data = {
        "token": {"env": "TOKEN"},
        "environment": {"A": {"file": "f"}, "B": "{username}"},
        "list": [{"env": "TOKEN"}, 1, None],
        "typed": Secret(env="TOKEN"),
    }
    assert resolve_secrets(data, tmp_path) == {
        "token": "one",
        "environment": {"A": "two", "B": "{username}"},
        "list": ["one", 1, None],
        "typed": "one",
    }
    assert data["token"] == {"env": "TOKEN"}
    monkeypatch.delenv("TOKEN")
    with pytest.raises(SecretUnavailableError):
        resolve_secrets(data, tmp_path)


def test_all_missing_secrets_are_told_with_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "x")
    text = (
        "hub: {database: {env: GONE_1}, cookie_secret: {file: gone}}\n"
        "users: {login_options: {client_secret: {env: GONE_2}, id: {env: THERE}}}\n"
        "targets: {t: {kind: x, key: {env: GONE_3}, spawner: {list: [{env: GONE_4}]}}}\n"
        "profiles: {p: {targets: [t], sets: {environment: {A: {env: GONE_5}}}}}"
    )
    config = load_text(text, "", environ={}).config
    missing = missing_secrets(config, tmp_path)
    assert dict(missing) == {
        ("hub", "database"): "the environment variable GONE_1 is not set",
        ("hub", "cookie_secret"): f"{tmp_path / 'gone'} cannot be read: No such file or directory",
        ("users", "login_options", "client_secret"): "the environment variable GONE_2 is not set",
        ("targets", "t", "key"): "the environment variable GONE_3 is not set",
        ("targets", "t", "spawner", "list", 0): "the environment variable GONE_4 is not set",
        ("profiles", "p", "sets", "environment", "A"): "the environment variable GONE_5 is not set",
    }


def test_a_missing_secret_is_a_problem_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "hub:\n  database: {env: GONE}\ntargets: {t: {kind: x, spawner: {token: {env: GONE}}}}"
    loaded = load_text(text, "a.yaml", environ={})
    found = secret_problems(loaded.config, loaded.marks, loaded.base)
    assert [(each.path, each.line, each.column) for each in found] == [
        ("hub.database", 2, 13),
        ("targets.t.spawner.token", 3, 41),
    ]
    assert {each.message for each in found} == {"the environment variable GONE is not set."}
    monkeypatch.setenv("GONE", "hunter2")
    assert secret_problems(loaded.config, loaded.marks, loaded.base) == []


def test_nothing_prints_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    secret = Secret(env="TOKEN")
    assert "hunter2" not in f"{secret} {secret!r} {secret.model_dump_json()}"
