"""`forget interpolate`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.completing import complete_names
from forget.cli.options import json_option, names, registry_option

_EPILOG = """\b
Examples:
  forget interpolate runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0/checkpoints/step-000020 \\
      --base smollm2-135m --alpha 0.25,0.5,0.75 --out wise
  forget interpolate out/checkpoint-500 --base Qwen/Qwen3-1.7B --alpha 0.5
  forget eval wise/step-000020-wise-0.50 --base smollm2-135m --benchmarks mini

The same command continues one that was interrupted.
"""


@click.command("interpolate", epilog=_EPILOG)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--base",
    required=True,
    shell_complete=complete_names("models"),
    help="The model it was trained from: name, id or folder.",
)
@click.option(
    "--alpha", "alphas", required=True, help="The checkpoint's shares in the weights, by commas."
)
@registry_option
@click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder in which the model folders are made.",
)
@json_option
def command(
    checkpoint: Path,
    base: str,
    alphas: str,
    registries: tuple[Path, ...],
    out: Path,
    as_json: bool,
) -> None:
    """Make models between a base model and a CHECKPOINT of it (WiSE-FT).

    Their weights are (1 - alpha) * base + alpha * checkpoint, their names of checkpoint and share:
    step-000020-wise-0.50. `forget eval` takes them like any checkpoint.
    """
    from forget.catalogue import load_catalogue
    from forget.cli.console import Screen, print_json
    from forget.inference.models import find_model, obtain_model
    from forget.store.atomic import ensure_writable
    from forget.training.interpolation import check_pair, interpolate, interpolation_label

    shares = _shares(alphas)
    ensure_writable(out)
    reference = find_model(base, load_catalogue(registries))
    if reference.folder is not None:
        check_pair(reference.folder, checkpoint)
    screen = Screen()
    model = obtain_model(reference, screen)
    assert model.folder is not None
    name = checkpoint.resolve().name
    wanted = {alpha: out / f"{name}-{interpolation_label(alpha)}" for alpha in shares}
    interpolate(model.folder, checkpoint, wanted, screen)
    if as_json:
        print_json({"models": [{"alpha": a, "folder": str(f)} for a, f in wanted.items()]})
        return
    for folder in wanted.values():
        click.echo(folder)


def _shares(text: str) -> list[float]:
    """Read the numbers of ``--alpha``.

    Raises:
        RequestError: One is no number between 0 and 1, is there twice, or there is none.
    """
    from forget.errors import RequestError

    found: list[float] = []
    for part in names(text) or ():
        try:
            share = float(part)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1 or share in found:
            raise RequestError(
                "--alpha takes different numbers between 0 (the base model) and 1 (the "
                f"checkpoint), but got {part!r} in {text!r}. Write for instance "
                "--alpha 0.25,0.5,0.75."
            )
        found.append(share)
    if not found:
        raise RequestError("--alpha is empty. Write for instance --alpha 0.25,0.5,0.75.")
    return found
