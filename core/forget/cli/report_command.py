"""`forget report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from forget.cli.completing import complete_runs
from forget.cli.options import data_option, json_option, margin_option, names, out_option

if TYPE_CHECKING:
    from forget.report.comparison import Outcome
    from forget.report.gathering import Frames
    from forget.report.material import Material
    from forget.report.written import Written
    from forget.verdict.records import FoundRecord
    from forget.verdict.terms import Terms

_EPILOG = """\b
Examples:
  forget report
  forget report --html report.html
  forget report --html report.html --figures figures --format pdf,png --tables tables
  forget report runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0 --json
  forget report --lm-eval results
  forget report --razor
"""


class _Wanted(NamedTuple):
    """What is to be written, and where to."""

    html: Path | None
    figures: Path | None
    formats: Sequence[str]
    tables: Path | None

    def __bool__(self) -> bool:
        return any((self.html, self.figures, self.tables))


@click.command("report", epilog=_EPILOG)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), shell_complete=complete_runs)
@out_option
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write all of it as one page, to be opened."
)
@click.option(
    "--figures", type=click.Path(path_type=Path), help="Draw the figures of a paper into a folder."
)
@click.option(
    "--format",
    "formats",
    default="pdf,png",
    show_default=True,
    help="Of the figures: pdf, png, svg.",
)
@click.option(
    "--tables",
    type=click.Path(path_type=Path),
    help="Write tables into a folder: Markdown, LaTeX, CSV, Parquet.",
)
@click.option(
    "--lm-eval",
    type=click.Path(path_type=Path),
    help="Write scores and samples into a folder, as lm-eval does.",
)
@data_option
@click.option("--razor", is_flag=True, help="Ask whether the KL to the base tells forgetting.")
@click.option("--all", "every", is_flag=True, help="Show a table for every checkpoint.")
@margin_option
@click.option(
    "--over",
    type=click.Choice(["benchmarks", "checkpoints"]),
    default="benchmarks",
    show_default=True,
    help="What Holm's correction counts: a checkpoint's benchmarks, or those of all checkpoints.",
)
@json_option
def command(runs: tuple[Path, ...], out: Path, as_json: bool, **options: Any) -> None:
    """Show what RUNS (run directories; default: all of the output folder) have found.

    Of each run the last checkpoint has a table; the others have a line each, and a table with
    --all. With --html, --figures or --tables those are written, and the terminal shows the runs
    beside each other.
    """
    from forget.report.comparison import Outcome
    from forget.report.gathering import frames_of, gather
    from forget.verdict.records import find_records, runs_to_come
    from forget.verdict.results import known_benchmarks, load_findings
    from forget.verdict.terms import Terms

    formats = tuple(dict.fromkeys(names(options.pop("formats")) or ()))
    if options["figures"] is None and _is_given("formats"):
        raise click.UsageError("--format is for figures: name their folder with --figures.")
    lm_eval, data = options.pop("lm_eval"), options.pop("data")
    if data is not None and lm_eval is None:
        raise click.UsageError("--data is for lm-eval's results: name their folder with --lm-eval.")
    wanted = _Wanted(options.pop("html"), options.pop("figures"), formats, options.pop("tables"))
    razor, every = options.pop("razor"), options.pop("every")
    terms = known_benchmarks(Terms(**options))
    _check(wanted)
    found = find_records(runs, out)
    for path in () if runs else runs_to_come(out):
        click.echo(f"not evaluated yet, so not in the report: {path}", err=True)
    export = None if lm_eval is None else _export(lm_eval, data, found, terms)
    judged = load_findings(found, terms)
    frames = frames_of(found, judged, terms)
    material = None
    if wanted or razor:
        material = gather(found, judged, frames, _again(runs, out, wanted, terms))
    if material is not None and wanted:
        _write(material, wanted)
    if export is not None:
        _tell("lm-eval", lm_eval, export(out))
    outcomes = [Outcome(origin.run, origin.path, findings) for origin, findings in judged]
    asked = material if razor else None
    if as_json:
        _print_json(outcomes, frames, asked)
    else:
        _print(() if wanted else outcomes, every=every)
        _print_together(outcomes, frames, asked)


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _check(wanted: _Wanted) -> None:
    """Find what cannot be written before minutes are spent on it."""
    from forget.report import figures, tables
    from forget.report.written import check_page, check_request

    if wanted.html:
        check_page(wanted.html)
    if wanted.figures:
        check_request("figures", wanted.figures, wanted.formats, figures.FORMATS)
    if wanted.tables:
        check_request("tables", wanted.tables, tables.FORMATS, tables.FORMATS)


def _write(material: Material, wanted: _Wanted) -> None:
    from forget.report.figures import write_figures
    from forget.report.page import write_page
    from forget.report.tables import write_tables

    if wanted.html:
        write_page(material, wanted.html.resolve())  # links such as /dev/stdout stay links
        click.echo(f"page: {wanted.html}", err=True)
    for what, folder in (("figures", wanted.figures), ("tables", wanted.tables)):
        if folder is None:
            continue
        written = (
            write_figures(material, folder, wanted.formats)
            if what == "figures"
            else write_tables(material, folder)
        )
        _tell(what, folder, written)


def _tell(what: str, folder: Path, written: Written) -> None:
    click.echo(f"{what}: {len(written.files)} files in {folder}", err=True)
    for name, reason in written.omitted.items():
        click.echo(f"  left out: {name}: {reason}", err=True)


def _export(
    folder: Path, data: Path | None, found: Sequence[FoundRecord], terms: Terms
) -> Callable[[Path], Written]:
    """Return what writes lm-eval's results, which can be written."""
    from forget.cli.console import quiet_libraries
    from forget.mirror import chosen_mirror
    from forget.report.exporting import check_export, write_lm_eval

    mirror = chosen_mirror(data)
    check_export(folder, found, terms.benchmarks)

    def write(out: Path) -> Written:
        with quiet_libraries(out / "reports" / "lm-eval.log") as screen:
            return write_lm_eval(folder, found, terms.benchmarks, mirror, screen)

    return write


def _print_json(outcomes: Sequence[Outcome], frames: Frames, material: Material | None) -> None:
    from forget.cli.console import print_json
    from forget.report.comparison import comparison_as_plain
    from forget.report.learned import learned_as_plain
    from forget.report.plain import findings_as_plain
    from forget.report.pooled import pooled_as_plain
    from forget.report.razor import razor_as_plain

    plain = [findings_as_plain(outcome.findings) for outcome in outcomes]
    if len(plain) == 1 and material is None:
        print_json(plain[0])
        return
    whole = {
        "runs": plain,
        "comparison": comparison_as_plain(outcomes),
        "methods": pooled_as_plain(frames.pooled),
        "learned": learned_as_plain(frames.learned),
    }
    print_json(whole | ({"razor": razor_as_plain(material.razor)} if material else {}))


def _print(outcomes: Sequence[Outcome], *, every: bool) -> None:
    from forget.cli.console import print_table
    from forget.report.terminal import render

    for outcome in outcomes:
        click.secho(outcome.run, bold=True)
        print_table(render(outcome.findings, every=every))


def _print_together(outcomes: Sequence[Outcome], frames: Frames, material: Material | None) -> None:
    from forget.cli.console import print_outcomes, print_table
    from forget.report.comparison import apart
    from forget.report.learned import render_learned
    from forget.report.pooled import render_pooled
    from forget.report.razor import render_razor

    print_outcomes(outcomes, as_json=False, several=len(outcomes) > 1)
    if len(frames.learned):
        names = [outcome.run for outcome in outcomes]
        short = apart(names) if len(names) > 1 else names
        print_table(render_learned(frames.learned, dict(zip(names, short, strict=True))))
    if len(frames.pooled):
        print_table(render_pooled(frames.pooled))
    if material is not None:
        print_table(render_razor(material.razor))


def _again(runs: Sequence[Path], out: Path, wanted: _Wanted, terms: Terms) -> list[str]:
    """Return the command line that makes the same report."""
    command = ["forget", "report", *map(str, runs), "--out", str(out)]
    command += ["--html", str(wanted.html)] if wanted.html else []
    if wanted.figures:
        command += ["--figures", str(wanted.figures), "--format", ",".join(wanted.formats)]
    command += ["--tables", str(wanted.tables)] if wanted.tables else []
    command += ["--margin", f"{terms.margin:g}", "--over", terms.over]
    return command
