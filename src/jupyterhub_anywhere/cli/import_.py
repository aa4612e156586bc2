"""``anywhere import``: an older system's configuration, as anywhere.yaml."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.output import answer, tell
from jupyterhub_anywhere.cli.session import FILE_NAME, session_options
from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from jupyterhub_anywhere.importers.result import Imported

NOT_ALL = 1


@click.command("import")
@click.argument(
    "files",
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    nargs=1,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False, allow_dash=True, path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    metavar="FILE",
    help="Where to write; - for standard output.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--allow-effects",
    is_flag=True,
    help="Let FILE do what it does at its hub: write files, run programs, ask others.",
)
@session_options
def import_(files: Path, output: Path, *, force: bool, allow_effects: bool) -> int:
    """Make anywhere.yaml from an older system's file.

    FILE is a jupyterhub_config.py with WrapSpawner, ProfilesSpawner, DockerProfilesSpawner, or
    LibcloudSpawner of either generation. It is run, as JupyterHub runs it, in a process of its own,
    which can change nothing else. What cannot be carried over is named, here and at the head of the
    new file; FILE itself stays as it is.

    Ends with 0 when everything was carried over, with 1 when something was not.
    """
    from jupyterhub_anywhere.importers import libcloudspawner, wrapspawner
    from jupyterhub_anywhere.importers.reading import read
    from jupyterhub_anywhere.importers.writing import as_yaml

    to_stream = str(output) == "-"
    if not to_stream and not force and output.exists():
        raise SurroundingsError(
            f"{output} is there already.",
            hint="Name another file with -o, or replace it with --force.",
        )
    old = read(files, effects=allow_effects)
    cloud = libcloudspawner.recognises(old)
    imported = libcloudspawner.convert(old) if cloud else wrapspawner.convert(old)
    if imported.data:
        text = as_yaml(imported, [str(files)])
        if to_stream:
            answer(text.rstrip("\n"))
        else:
            _write(output, text)
    lines = "LibcloudSpawner's" if cloud else "wrapspawner's"
    _report(imported, files, None if to_stream else output, lines)
    return NOT_ALL if imported.left else 0


def _write(output: Path, text: str) -> None:
    # Old files hold passwords in their settings; and never half a file under the right name.
    draft = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        draft.replace(output)
    except OSError as error:
        draft.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise SurroundingsError(
            f"{output} cannot be written: {reason}.", hint="Name another file with -o."
        ) from error


def _report(imported: Imported, source: Path, output: Path | None, lines: str) -> None:
    for left in imported.left:
        tell(f"Not carried over: {left}")
    for text in imported.told:
        tell(f"Note: {text}")
    if not imported.data:
        tell("Nothing was written.")
        return
    targets = len(imported.data.get("targets", {}))
    profiles = len(imported.data.get("profiles", {}))
    place = str(output) if output is not None else "standard output"
    tell(f"{place}: {profiles} profiles, {targets} targets.")
    if output is None:
        return
    tell(f"Next: anywhere check -f {shlex.quote(str(output))}")
    tell(f"Then, in {source}, take out spawner_class and all of {lines} lines, and add:")
    tell("    from jupyterhub_anywhere import setup")
    tell(f"    setup(c, {str(output.absolute())!r})")
