"""Secrets: named in the file, kept elsewhere, never printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SecretUnavailableError(LookupError):
    """A secret is not where the file says; the text names the place and never the value."""


class Secret(BaseModel):
    """A value that stands in the environment or in a file of its own.

    Attributes:
        env: Name of the environment variable that holds it.
        file: Path of the file that holds it; white space at its end is dropped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = Field(default=None, description="Name of an environment variable.")
    file: Path | None = Field(default=None, description="Path of a file with the value.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is {env: NAME} or {file: PATH}")
        return self

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
            return path.read_text(encoding="utf-8").rstrip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise SecretUnavailableError(f"{path} cannot be read: {reason}") from None
