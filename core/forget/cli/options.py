"""Options that several commands share, and the session they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "data_option",
    "json_option",
    "names",
    "out_option",
    "registry_option",
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


def session_options(function: F) -> F:
    """Add the options that a session is opened with."""
    for option in reversed(_SESSION_OPTIONS):
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
