"""Secrets: named in the file, kept elsewhere, never printed.

Where a model asks for a secret it has the type `Secret`. In the untyped parts of the file (traits
of a spawner or of an authenticator, ``sets``) a mapping of one key is a secret when it reads
``{env: NAME}``, with a name in capitals, or ``{file: PATH}``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jupyterhub_anywhere.core.errors import AnywhereError

# A secret is a line or a key file, never a disk image.
MAX_BYTES: Final = 1 << 20
# Lower case is left to traits that are mappings themselves, as `environment: {env: production}`.
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


class SecretUnavailableError(AnywhereError, LookupError):
    """A secret is not where the file says; the text names the place and never the value.

    The text is a clause without a full stop: it is put into longer ones.
    """

    exit_code = 2


class Secret(BaseModel):
    """A value that stands in the environment or in a file of its own.

    Attributes:
        env: Name of the environment variable that holds it.
        file: Path of the file that holds it; white space at its end is dropped.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"minProperties": 1, "maxProperties": 1},
    )

    env: str | None = Field(
        default=None, min_length=1, description="Name of an environment variable."
    )
    file: Path | None = Field(default=None, description="Path of a file with the value.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is {env: NAME} or {file: PATH}")
        return self

    def __str__(self) -> str:
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}"

    def read(self, base: Path = Path()) -> str:
        """The value.

        Args:
            base: The folder that a relative ``file`` starts from.

        Raises:
            SecretUnavailableError: The variable is not set, or the file cannot be read.
        """
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise SecretUnavailableError(f"the environment variable {self.env} is not set")
            return value
        path = base / (self.file or "")
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            text = data.decode("utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise SecretUnavailableError(f"{path} cannot be read: {reason}") from None
        if len(data) > MAX_BYTES:
            raise SecretUnavailableError(f"{path} is larger than 1 MiB")
        return text.rstrip()


def as_secret(value: object) -> Secret | None:
    """The secret that a value of an untyped part of the file is, else None."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    env, file = value.get("env"), value.get("file")
    if isinstance(env, str) and _VARIABLE.fullmatch(env):
        return Secret(env=env)
    if isinstance(file, str) and file:
        return Secret(file=Path(file))
    return None


def resolve_secrets(data: Any, base: Path = Path()) -> Any:
    """A copy of untyped data with the values of all secrets in it.

    Args:
        data: Mappings, lists and plain values, as the file has them.
        base: The folder that relative files start from.

    Raises:
        SecretUnavailableError: A variable is not set, or a file cannot be read.
    """
    if isinstance(data, Secret):
        return data.read(base)
    secret = as_secret(data)
    if secret is not None:
        return secret.read(base)
    if isinstance(data, Mapping):
        return {key: resolve_secrets(value, base) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [resolve_secrets(value, base) for value in data]
    return data


def find_secrets(
    data: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Secret]]:
    """All secrets in data, a model or a part of one, each with its path."""
    secret = data if isinstance(data, Secret) else as_secret(data)
    if secret is not None:
        yield path, secret
    elif isinstance(data, BaseModel):
        for key, value in data:
            yield from find_secrets(value, (*path, key))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from find_secrets(value, (*path, key))
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            yield from find_secrets(value, (*path, index))


def missing_secrets(
    data: Any, base: Path = Path(), path: tuple[str | int, ...] = ()
) -> list[tuple[tuple[str | int, ...], str]]:
    """The secrets that cannot be read now: the path of each, and why.

    Args:
        data: A model, such as the whole `Config`, or untyped data.
        base: The folder that relative files start from.
        path: The path of ``data`` itself.
    """
    missing = []
    for where, secret in find_secrets(data, path):
        try:
            secret.read(base)
        except SecretUnavailableError as error:
            missing.append((where, error.message))
    return missing
