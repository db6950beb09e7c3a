"""`forget card`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from forget.cli.completing import complete_runs
from forget.cli.options import json_option, margin_option, registry_option

_EPILOG = """\b
Examples:
  forget card runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0
  forget card runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0:step-000010 --to card.md
"""


@click.command("card", epilog=_EPILOG)
@click.argument("run", shell_complete=complete_runs)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="The file.  [default: README.md in the model's folder]",
)
@click.option(
    "--base", metavar="OWNER/NAME", help="The base model on the Hub.  [default: the registry's]"
)
@margin_option
@registry_option
@json_option
def command(
    run: str,
    to: Path | None,
    base: str | None,
    margin: float,
    registries: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write a model card for a checkpoint of RUN, with what it forgot, to share it on the Hub.

    RUN is a run directory (its last checkpoint; RUN:step-000100 is another). A card that somebody
    else has written or changed is left alone.
    """
    from forget.catalogue import load_catalogue
    from forget.cli.console import print_json
    from forget.plugins import load_plugins
    from forget.report.card import card_subject, check_card, write_card
    from forget.verdict.results import known_benchmarks
    from forget.verdict.terms import Terms

    plugins = load_plugins()
    terms = known_benchmarks(Terms(margin=margin), plugins)
    subject = card_subject(run, load_catalogue(registries), plugins, terms, base)
    path = to or subject.folder / "README.md"
    check_card(path, base)
    write_card(path, subject)
    upload = f"hf upload OWNER/NAME {shlex.quote(str(subject.folder))} --exclude manifest.json"
    if as_json:
        print_json({"card": str(path), "folder": str(subject.folder), "upload": upload})
        return
    click.echo(f"card: {path}")
    if subject.base_id is None:
        click.echo(
            f"The registry has no Hub id of {subject.frozen['model']}: name it with --base, so "
            "that the Hub shows what the model was made from.",
            err=True,
        )
    click.echo(f"Read it, then share the model: {upload}", err=True)
