"""The command line. Each command lives in a module of its own, imported when it is called."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["main"]

_COMMANDS = {
    "run": "train by a method, evaluate base and checkpoints, report",
    "plan": "show the units of work of a study and what is done of them",
    "status": "show what is done, at work and to do: the tracker of a study",
    "doctor": "say whether all that runs need is here, and loads without a network",
    "work": "do one stage of a run: prepare, train, or evaluate",
    "logs": "show the log of a unit or of a job",
    "cancel": "cancel a study's jobs on a cluster",
    "retry": "submit again what was given up",
    "advance": "submit the next jobs of a cluster (jobs do it by themselves)",
    "eval": "evaluate checkpoints you already have against their base model",
    "compare": "compare two models, runs or results of lm-eval item by item",
    "interpolate": "make models between a base model and a checkpoint (WiSE-FT)",
    "card": "write a model card for the Hub, with what a checkpoint forgot",
    "report": "show what runs and comparisons have found",
    "data": "show, verify and fetch data: sources, prepared data, trajectories",
    "list": "list methods, datasets, teachers, benchmarks, models or studies",
    "show": "show everything known of one of them, settings included",
    "new": "write a plugin of your own to start from",
    "completion": "print what makes a shell complete commands and names",
}

_EPILOG = """\b
Examples:
  forget run --method gt-sft
  forget run --method gt-sft --model qwen3-1.7b --dataset gsm8k --benchmarks core10
  forget eval out/checkpoint-100 --base Qwen/Qwen3-1.7B --benchmarks arc_easy,mmlu
"""


class _LazyGroup(click.Group):
    """Knows its commands by name and help, and imports one only to run it or show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"forget.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # Without importing every command, as click would.
        commands = [item for item in _COMMANDS.items() if item[0].startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=about) for name, about in commands] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from forget import __version__

        click.echo(f"forget {__version__}")
        ctx.exit()


@click.group(
    cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
def group() -> None:
    """What did fine-tuning make a model forget, how sure is it, and which training loses least?"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the documented status."""
    _write_in_any_encoding()
    with warnings.catch_warnings():
        warnings.showwarning = _warning_shower()
        _run(arguments)


def _write_in_any_encoding() -> None:
    """Have a sign that an encoding lacks written by its number: no command fails for an arrow."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _warning_shower() -> Callable[..., None]:
    """Return what shows users once, in a line, which things that they have written are to go."""
    as_python_does = warnings.showwarning
    told: set[str] = set()

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        from forget.deprecation import DeprecatedSettingWarning

        if not issubclass(category, DeprecatedSettingWarning):
            as_python_does(message, category, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            click.secho(f"forget: {message}", fg="yellow", err=True)

    return show


def _run(arguments: list[str] | None) -> NoReturn:
    from forget.errors import ForgetError, RequestError, StorageError

    if "_FORGET_COMPLETE" in os.environ:  # a shell asks what may be typed next
        from forget.cli.shells import use_our_bash

        use_our_bash()
    try:
        status: Any = group.main(args=arguments, prog_name="forget", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ForgetError as error:
        click.echo(f"forget: {error}", err=True)
        sys.exit(error.exit_status)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            click.echo(f"forget: {_too_long(str(error.filename))}", err=True)
            sys.exit(RequestError.exit_status)
        if error.errno != errno.ENOSPC:
            raise
        click.echo(
            f"forget: The disk is full: {error.filename or 'the output'} could not be written. "
            "What was complete before still is; free some space and run the same command again.",
            err=True,
        )
        sys.exit(StorageError.exit_status)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            "\nforget: interrupted. What is finished is kept: run the same command again to "
            "continue.",
            err=True,
        )
        sys.exit(130)


def _too_long(path: str) -> str:
    """Say which name of a path a file system does not take."""
    name = max(Path(path).parts, key=len)
    return (
        f"The name {name[:20]}...{name[-20:]} ({len(name)} characters), or the path that it is in, "
        "is longer than the file system takes. Give a shorter one."
    )
