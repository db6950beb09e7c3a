"""`forget data`: the inventory, and its commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forget.cli.options import data_option, json_option, out_option, registry_option

if TYPE_CHECKING:
    from forget.catalogue import Catalogue
    from forget.inventory.records import Entry
    from forget.inventory.samples import Row
    from forget.mirror import Mirror
    from forget.plugins import Plugins

_EPILOG = """\b
Examples:
  forget data
  forget data --markdown
  forget data verify
  forget data show gsm8k --count 2 --model qwen3-1.7b
  forget data fetch gsm8k core10 --data mirror
"""


@click.group("data", epilog=_EPILOG, invoke_without_command=True)
@click.option("--markdown", is_flag=True, help="Print the table of an experiment tracker.")
@registry_option
@data_option
@out_option
@json_option
@click.pass_context
def command(context: click.Context, /, markdown: bool, as_json: bool, **options: Any) -> None:
    """Show all data: sources, the prepared data of every run, stores of completions.

    Data of equal content is one line.
    """
    if context.invoked_subcommand is not None:
        _hand_on(context, markdown)
        return
    from forget.cli.console import print_json, print_table
    from forget.convert import to_plain
    from forget.report.inventory import as_markdown, render_inventory

    study = _Study(**options)
    entries = _inventory(study)
    study.tell_of_broken()
    if as_json:
        print_json({"datasets": [to_plain(entry) for entry in entries]})
    elif markdown:
        click.echo(as_markdown(entries), nl=False)
    else:
        print_table(render_inventory(entries))


@command.command(
    "verify",
    short_help="Read data through and say what is damaged.",
    epilog="""\b
Examples:
  forget data verify
  forget data verify gsm8k runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0
""",
)
@click.argument("names", nargs=-1)
@registry_option
@data_option
@out_option
@json_option
def verify(names: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Read data through, everything or that of NAMES: datasets, benchmarks, suites, folders.

    Says what is damaged and what to do, and changes nothing; status 1: something is.
    """
    from forget.cli.console import Screen, print_json, print_table
    from forget.convert import to_plain
    from forget.errors import WorkError
    from forget.inventory.audit import Audited, audit
    from forget.report.inventory import render_checks

    study = _Study(**options)
    where = Audited(
        datasets=study.records("datasets"),
        benchmarks=study.records("benchmarks"),
        mirror=study.mirror,
        out=study.out,
    )
    study.tell_of_broken()
    checks = audit(study.catalogue.benchmark_names(names), where, Screen())
    if as_json:
        print_json({"checks": [to_plain(check) for check in checks]})
    elif checks:
        print_table(render_checks(checks))
    else:
        click.echo("There is nothing to verify: no mirror has it, and no run has data of it.")
    bad = [check.name for check in checks if check.state in ("damaged", "absent")]
    if bad:
        raise WorkError(
            f"{len(bad)} of {len(checks)} are damaged or not there: {', '.join(bad[:5])}"
            f"{' and more' if len(bad) > 5 else ''}. What to do stands beside each; nothing was "
            "changed."
        )


@command.command(
    "show",
    epilog="""\b
Examples:
  forget data show gsm8k --count 2
  forget data show runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0 --model smollm2-135m
""",
)
@click.argument("what")
@click.option("--count", default=3, show_default=True, help="How many are shown.")
@click.option("--id", "example", help="Show the example with this id.")
@click.option("--split", default="train", show_default=True, help="Split of a dataset.")
@click.option("--model", help="Model that reads it.  [default: the run's, else smollm2-135m]")
@registry_option
@data_option
@out_option
@json_option
def show(what: str, count: int, example: str | None, **options: Any) -> None:
    """Show examples as a model sees them, with what is in the loss.

    WHAT is a dataset, a run directory, its data folder, or a store of completions, which is shown
    with verdicts.
    """
    from forget.inventory.samples import find_folder, folder_rows
    from forget.training.trajectories.store import ABOUT

    split, model, as_json = (options.pop(name) for name in ("split", "model", "as_json"))
    study = _Study(**options)
    folder = None if what in study.records("datasets") else find_folder(what, study.out)
    if folder is None:
        _show_rows(study.dataset_rows(what, split), model, (what, count, example), study, as_json)
    elif (folder / ABOUT).is_file():
        _show_store(folder, (what, count, example), study, as_json)
    else:
        model = model or _model_of(folder, study)
        _show_rows(folder_rows(folder), model, (what, count, example), study, as_json)


@command.command(
    "fetch",
    short_help="Fill a data mirror from the Hub.",
    epilog="""\b
Examples:
  forget data fetch gsm8k core10 --data mirror
""",
)
@click.argument("names", nargs=-1)
@click.option("--force", is_flag=True, help="Fetch again what is there.")
@registry_option
@data_option
@json_option
def fetch(names: tuple[str, ...], force: bool, as_json: bool, **options: Any) -> None:
    """Fill a data mirror from the Hub, for all that is installed or NAMES: datasets, benchmarks.

    What is there is left alone.
    """
    from forget.cli.console import print_json, print_table, quiet_libraries
    from forget.convert import to_plain
    from forget.errors import RequestError, WorkError
    from forget.inventory.fetch import fetch as fetch_files
    from forget.inventory.fetch import wanted
    from forget.report.fetched import render_fetched
    from forget.store.atomic import ensure_writable

    study = _Study(out=Path(), **options)
    if study.mirror.root is None:
        raise RequestError(
            "Say which data mirror is to be filled: --data DIR, or FORGET_DATA. It is made if it "
            "is not there."
        )
    ensure_writable(study.mirror.root, "data mirror", "--data")
    items = wanted(*study.chosen(names))
    study.tell_of_broken()
    with quiet_libraries(Path(os.devnull)) as screen:
        found = fetch_files(items, study.mirror.root, force, screen)
    if as_json:
        print_json({"files": [to_plain(item) for item in found]})
    elif found:
        print_table(render_fetched(found, study.mirror.root))
    else:
        click.echo("There is nothing to fetch: all of it is generated by code.")
    failed = [item for item in found if item.state == "failed"]
    if failed:
        more = f" ({len(failed) - 1} more failed)" if len(failed) > 1 else ""
        raise WorkError(f"{failed[0].file} was not written: {failed[0].problem}{more}")


class _Study:
    """What the commands work with: registry, plugins, mirror, output folder; nothing is written."""

    def __init__(self, registries: tuple[Path, ...], data: Path | None, out: Path) -> None:
        from forget.catalogue import load_catalogue
        from forget.mirror import chosen_mirror
        from forget.plugins import load_plugins

        self.catalogue: Catalogue = load_catalogue(registries)
        self.plugins: Plugins = load_plugins()
        self.mirror: Mirror = chosen_mirror(data)
        self.out = out.absolute()

    def tell_of_broken(self) -> None:
        """Name the plugins that cannot be used: what they read is not listed."""
        for broken in self.plugins.broken:
            text = f"The plugin {broken.provider.plugin!r} ({broken.provider}) is broken: "
            click.secho(f"{text}{broken.reason}", fg="red", err=True)

    def records(self, kind: Any) -> dict[str, Any]:
        """Return the installed records of a kind by name."""
        return {name: found.record for name, found in self.plugins.all(kind).items()}

    def title(self, method: str) -> str:
        """Return a method's title; the name of one that nobody knows any more."""
        found = self.records("methods").get(method) or self.catalogue.methods.get(method)
        return str(found.title) if found else method

    def dataset_rows(self, name: str, split: str) -> list[Row]:
        """Return the examples of a dataset."""
        from forget.errors import UnknownNameError
        from forget.inventory.samples import dataset_rows

        try:
            dataset = self.plugins.get("datasets", name, self.catalogue).record
        except UnknownNameError as error:
            known = {*self.records("datasets"), *self.catalogue.datasets}
            hint = f"Nor is there a folder {name}, here or below {self.out}."
            raise UnknownNameError("dataset", name, known, hint) from error
        return dataset_rows(dataset, split, self.mirror)

    def chosen(self, names: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
        """Return the datasets and benchmarks of some names; of no names, all."""
        from forget.errors import UnknownNameError

        datasets, benchmarks = self.records("datasets"), self.records("benchmarks")
        if not names:
            return list(datasets.values()), list(benchmarks.values())
        wanted = self.catalogue.benchmark_names(names)
        for name in wanted:
            if name not in datasets and name not in benchmarks:
                if name in self.catalogue.datasets:
                    self.plugins.get("datasets", name, self.catalogue)  # says that it is pending
                known = {*datasets, *benchmarks, *self.catalogue.suites}
                raise UnknownNameError("dataset, benchmark or suite", name, known)
        return (
            [datasets[name] for name in wanted if name in datasets],
            [benchmarks[name] for name in wanted if name in benchmarks],
        )


def _hand_on(context: click.Context, markdown: bool) -> None:
    """Make options given before a subcommand its own, so that none silently does nothing."""
    if markdown:
        raise click.UsageError("--markdown is of the inventory, not of its commands.")
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    assert isinstance(context.command, click.Group)
    context.default_map = dict.fromkeys(context.command.commands, given)


def _inventory(study: _Study) -> list[Entry]:
    from forget.inventory.prepared import prepared_entries
    from forget.inventory.sources import source_entries
    from forget.inventory.stores import store_entries

    return [
        *source_entries(study.records("datasets"), study.mirror),
        *prepared_entries(study.out, study.title),
        *store_entries(study.out),
    ]


def _model_of(folder: Path, study: _Study) -> str | None:
    """Return the model of the run that a data folder belongs to."""
    from forget.errors import ModelError
    from forget.store import runfile

    file = folder.parent / "run.toml"
    if not file.is_file():
        return None
    model = runfile.read(file).get("settings", {}).get("model")
    if not isinstance(model, str):
        return None
    if model not in study.catalogue.models and "/" not in model:
        raise ModelError(
            f"The run in {folder.parent} was made with a model given as a folder, of which "
            f"{file.name} keeps the name alone: {model!r}. Name the folder with --model."
        )
    return model


def _show_rows(
    rows: list[Row],
    model: str | None,
    asked: tuple[str, int, str | None],
    study: _Study,
    as_json: bool,
) -> None:
    from forget.cli.console import print_json, print_texts, quiet_libraries
    from forget.inference.loading import load_tokenizer
    from forget.inference.models import find_model, obtain_model
    from forget.inventory.samples import choose, encode_rows, measure
    from forget.report.samples import render_samples, samples_as_plain

    what, count, example = asked
    chosen = choose(rows, count, example)
    found = find_model(model or "smollm2-135m", study.catalogue)
    with quiet_libraries(Path(os.devnull)) as screen:
        tokenizer = load_tokenizer(obtain_model(found, screen).folder or Path())
        samples = encode_rows(chosen, tokenizer)
        lengths = measure(rows, tokenizer, screen)
    if as_json:
        print_json({"what": what, "model": found.name, **samples_as_plain(samples, lengths)})
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print_texts(render_samples(samples, lengths, colour=colour))


def _show_store(
    folder: Path, asked: tuple[str, int, str | None], study: _Study, as_json: bool
) -> None:
    from forget.cli.console import print_json, print_texts
    from forget.inventory.samples import grade, store_dataset
    from forget.report.samples import completions_as_plain, render_completions

    what, count, example = asked
    name = store_dataset(folder)
    dataset = study.plugins.get("datasets", name, study.catalogue).record
    graded = grade(folder, dataset, study.mirror, count, example)
    if as_json:
        completions = completions_as_plain(graded)
        print_json({"what": what, "dataset": name, "completions": completions})
    else:
        print_texts(render_completions(graded))
