"""Options that several commands share, and the session they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from forget.cli.completing import complete_names, complete_runs, complete_setting

if TYPE_CHECKING:
    from forget.plan import RunRequest

__all__ = [
    "data_option",
    "json_option",
    "margin_option",
    "names",
    "optional_request_from",
    "out_option",
    "registry_option",
    "request_from",
    "request_options",
    "session_from",
    "session_options",
]

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output."
)
registry_option = click.option(
    "--registry",
    "registries",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Lay this registry file over the shipped one (repeatable).",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data mirror: folder of <name>/<split>.parquet. Default: $FORGET_DATA, else the Hub.",
)
out_option = click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Output folder of the runs.",
)
margin_option = click.option(
    "--margin",
    default=0.01,
    show_default=True,
    help="The largest drop that does not matter: 0.01 is one point of 100.",
)
_SESSION_OPTIONS = (
    registry_option,
    data_option,
    click.option(
        "--out",
        default=".",
        show_default=True,
        type=click.Path(path_type=Path),
        help="Output folder: runs/, evaluations/ and reports/ are made below it.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        help="Where models run.",
    ),
    click.option(
        "--dtype",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "float32", "bfloat16"]),
        help="Number format of evaluation; auto: bfloat16 on a GPU, else float32.",
    ),
    click.option(
        "--engine",
        default="auto",
        show_default=True,
        type=click.Choice(["auto", "builtin", "vllm", "stock"]),
        help="What models run on: the built-in engine, vLLM for texts, lm-eval's own model (slow).",
    ),
    click.option(
        "--batch-size",
        default=16,
        show_default=True,
        help="Sequences in a forward pass of --engine stock.",
    ),
)


_REQUEST_OPTIONS = (
    click.option(
        "--method",
        shell_complete=complete_names("methods"),
        help="Method to train by; `forget list methods` shows them.",
    ),
    click.option(
        "--model",
        shell_complete=complete_names("models"),
        help="Base model: name, Hub id or folder.  [default: the study's]",
    ),
    click.option(
        "--dataset",
        shell_complete=complete_names("datasets"),
        help="Dataset to train on.  [default: the study's]",
    ),
    click.option(
        "--teacher",
        shell_complete=complete_names("teachers"),
        help="Teacher, for methods that need one.  [default: the study's]",
    ),
    click.option(
        "--restrict-to",
        metavar="RUN",
        type=click.Path(path_type=Path),
        shell_complete=complete_runs,
        help="Train only on the questions that this run directory kept.",
    ),
    click.option(
        "--study",
        shell_complete=complete_names("studies"),
        help="Study whose choices and settings hold.  [default: demo]",
    ),
    click.option(
        "--benchmarks",
        shell_complete=complete_names("suites", "benchmarks", several=True),
        help="Benchmarks and suites, by commas.  [default: the study's]",
    ),
    click.option(
        "--limit",
        type=int,
        help="Score only this many items of each benchmark.  [default: the study's]",
    ),
    click.option("--max-steps", type=int, help="Stop training after this many optimiser steps."),
    click.option("--seed", type=int, help="Seed of the run.  [default: the study's]"),
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=complete_setting,
        help="Change a setting.",
    ),
    click.option(
        "--sweep",
        "sweeps",
        multiple=True,
        metavar="NAME=VALUE,...",
        shell_complete=complete_setting,
        help="One run for each value of a setting, and a table of them all.",
    ),
)
_REQUESTED = ("method", "model", "dataset", "limit", "seed", "teacher", "restrict_to")
"""Options that go into the request under their own names."""
_SETTLED = ("study", "benchmarks", "max_steps", "assignments", "sweeps")
"""Options that are made something of first."""


def request_options(function: F) -> F:
    """Add the options that say which runs are meant."""
    return _with(_REQUEST_OPTIONS, function)


def request_from(
    *,
    assignments: tuple[str, ...],
    sweeps: tuple[str, ...],
    max_steps: int | None,
    benchmarks: str | None,
    study: str | None,
    **options: Any,
) -> tuple[RunRequest, dict[str, Any]]:
    """Return the request that the options of `request_options` make, and the other options."""
    from forget.plan import RunRequest
    from forget.settings import parse_assignments
    from forget.variants import parse_sweeps

    if options["method"] is None and study is None:
        raise click.UsageError("Choose a --method (or a whole --study). See `forget list methods`.")
    overrides: dict[str, Any] = dict(parse_assignments(assignments))
    if max_steps is not None:
        overrides["max_steps"] = max_steps
    request = RunRequest(
        study=study or "demo",
        benchmarks=names(benchmarks),
        overrides=overrides,
        sweep=parse_sweeps(sweeps),
        **{key: options.pop(key) for key in _REQUESTED},
    )
    return request, options


def optional_request_from(**options: Any) -> tuple[RunRequest | None, dict[str, Any]]:
    """Return what `request_from` does; no request if none of its options was given."""
    names = (*_REQUESTED, *_SETTLED)
    if any(options[name] not in (None, ()) for name in names):
        return request_from(**options)
    return None, {name: value for name, value in options.items() if name not in names}


def session_options(function: F) -> F:
    """Add the options that a session is opened with."""
    return _with(_SESSION_OPTIONS, function)


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def session_from(**options: Any) -> Any:
    """Open the session that the options of `session_options` describe."""
    from forget.session import EngineOptions, open_session

    engine = EngineOptions(
        **{name: options.pop(name) for name in ("engine", "device", "dtype", "batch_size")}
    )
    return open_session(**options, options=engine)


def names(value: str | None) -> tuple[str, ...] | None:
    """Split ``a,b`` into names; None stays None."""
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip())
