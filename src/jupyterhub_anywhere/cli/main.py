"""The entry point of ``anywhere``: the verbs, and the one place where failures become messages.

A verb's module is imported when it is used, and imports what it needs when it runs: ``--help`` and
``status`` do not wait for JupyterHub.
"""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_anywhere.cli import failures
from jupyterhub_anywhere.cli.output import (
    OutputClosedError,
    abandon,
    answer,
    prepare_streams,
    tell,
)
from jupyterhub_anywhere.cli.session import Session, session_options
from jupyterhub_anywhere.core.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


# In the order in which people meet them; each is the function of this name in a module of it.
_VERBS: Final = (
    *("up", "status", "leaks", "adopt", "reload", "down", "check", "explain", "schema", "import"),
    *("doctor", "password", "service", "backup", "restore", "upgrade", "ledger"),
    *("prepare", "render"),
)


class Verbs(click.Group):
    """The verbs; a module is imported when its verb is used, or shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """As declared, not by the alphabet."""
        return list(dict.fromkeys((*_VERBS, *self.commands)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb; None where there is none."""
        if cmd_name in _VERBS and cmd_name not in self.commands:
            # The language has "import" for itself.
            name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            module = import_module(f"jupyterhub_anywhere.cli.{name}")
            self.add_command(getattr(module, name))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one gets the nearest as a hint."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"There is no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


def _show_version(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if not value or context.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    answer(
        f"anywhere {of('jupyterhub-anywhere')} (JupyterHub {of('jupyterhub')},"
        f" Python {platform.python_version()})"
    )
    context.exit()


@click.group(
    cls=Verbs,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": None,
        "max_content_width": 100,
    },
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of this program, JupyterHub and Python.",
)
@session_options
def cli() -> None:
    """One JupyterHub, any compute.

    `anywhere up` runs a hub on this machine; what it offers stands in one file, anywhere.yaml.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and turn every failure into a message.

    Args:
        arguments: The words behind ``anywhere``; default: those of this process.

    Returns:
        The exit code, see `failures`.
    """
    prepare_streams()
    session = Session()
    try:
        return _run(arguments, session)
    except OutputClosedError:
        abandon(sys.stdout)
        return failures.OUTPUT_CLOSED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell("Interrupted.")
        return failures.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place that catches all: no raw traceback
        return _report(error, session)


def _run(arguments: Sequence[str] | None, session: Session) -> int:
    result = cli.main(args=arguments, prog_name="anywhere", standalone_mode=False, obj=session)
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error
    return result if isinstance(result, int) else 0


def _report(error: Exception, session: Session) -> int:
    known = failures.as_anywhere_error(error)
    if known is not None:
        code = failures.report(known)
        if session.verbose and known.__cause__ is not None:
            failures.show_traceback(error)
    else:
        code = failures.report_fault(error, session.paths.logs, verbose=session.verbose)
    try:
        sys.stdout.flush()
    except OSError:
        abandon(sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
