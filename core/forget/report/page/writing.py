"""Puts the page together from its template, its style, its scripts and the data."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forget.report.learned import HEADINGS, learned_as_plain, learned_cells
from forget.report.material import Material
from forget.report.page.charts import charts
from forget.report.page.encoding import columns, json_for_page, thinned, within
from forget.report.page.fit import fit_for_page
from forget.report.page.labels import model_prefixes, run_labels
from forget.report.page.marks import Series
from forget.report.page.numbers import interval, known, p_value, points, signed
from forget.report.page.provenance import origins
from forget.report.page.summary import headline, summaries
from forget.report.page.verdicts import VERDICTS
from forget.report.selection import method_label
from forget.store.atomic import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

__all__ = ["render_page", "write_page"]

_SCRIPTS = (
    "data.js",
    "controls.js",
    "figures.js",
    "drawing.js",
    "tables.js",
    "items.js",
    "page.js",
)
"""The page's own scripts, in the order in which they need each other."""

_WANTED = "window.vegaEmbed = vegaEmbed;"
"""What the page needs of Vega: a function that draws a specification."""

_SECTIONS = {
    "verdict": "Verdict",
    "forest": "Benchmarks",
    "evidence": "Evidence",
    "trajectories": "Course",
    "methods": "Methods",
    "frontier": "Frontier",
    "learned": "Learned",
    "razor": "KL",
    "training": "Training",
    "items": "Items",
    "results": "Results",
    "provenance": "Provenance",
}
"""Anchors of the page's sections, and what its navigation calls them."""

_PAGE_BYTES = 4_500_000
"""What a page should stay below, so that it opens at once and can be sent by mail."""

_FLIPS_BYTES = (200_000, 2_000_000)
"""Least and most room for the texts of flipped items, within what other data leave of the page."""


def write_page(material: Material, path: Path) -> None:
    """Write a report as one HTML file.

    Args:
        material: What the report shows.
        path: The file; what is there is replaced once the new page is whole.

    Raises:
        StorageError: The file cannot be written.
    """
    write_bytes(path, render_page(material).encode("utf-8", "replace"))


def render_page(material: Material) -> str:
    """Return the page as text."""
    found = summaries(material.results)
    scripts = [_vega(), _own_script()]
    return (
        _environment()
        .get_template("page.html")
        .render(
            material=material,
            origins=origins(material.provenance),
            summaries=found,
            headline=headline(found),
            labels=run_labels(material.results),
            learned=_learned(material),
            learned_headings=HEADINGS,
            sections=_SECTIONS.items(),
            verdicts=VERDICTS,
            style=_asset("page.css"),
            scripts=scripts,
            hashes=[_hash(script) for script in scripts],
            data=json_for_page(_data(material)),
        )
    )


def _data(material: Material) -> dict[str, Any]:
    data = {
        "results": columns(material.results),
        "curves": columns(thinned(material.curves)),
        "pooled": {} if material.pooled is None else columns(material.pooled),
        "labels": run_labels(material.results),
        "prefixes": model_prefixes(material.results),
        "razor": fit_for_page(material.razor, material.level),
        "charts": charts(material.margin, _series(material.results)),
        "symbols": {name: style.symbol for name, style in VERDICTS.items()},
        "level": material.level,
        "margin": material.margin,
        "command": material.command,
        "title": material.title,
    }
    least, most = _FLIPS_BYTES
    left = _PAGE_BYTES - len(_vega()) - len(json_for_page(data))
    return data | {"flips": columns(within(material.flips, max(least, min(most, left))))}


def _learned(material: Material) -> list[tuple[str, list[str]]]:
    """Return the cells of what each run learned, by the title of the run."""
    if material.learned is None:
        return []
    return [(row["run"], learned_cells(row)) for row in learned_as_plain(material.learned)]


def _series(results: pd.DataFrame) -> Series:
    """Name what colours and shapes stand for, as the page's rows name it (`naming` in data.js)."""
    datasets = results["dataset"].replace("", "comparison")
    return Series(method_label(results).unique().tolist(), datasets.unique().tolist())


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("forget.report.page", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "signed": signed, "p_value": p_value}
    environment.globals["interval"] = interval
    environment.tests["known"] = known
    return environment


def _asset(name: str) -> str:
    return (files("forget.report.page") / "assets" / name).read_text(encoding="utf-8")


def _own_script() -> str:
    return _alone("\n".join(_asset(name) for name in _SCRIPTS))


@cache
def _vega() -> str:
    import vl_convert

    return _alone(vl_convert.javascript_bundle(_WANTED))


def _alone(script: str) -> str:
    """Keep a script's names to itself."""
    return f'(() => {{\n"use strict";\n{script}\n}})();'


def _hash(script: str) -> str:
    """Return what the page's policy knows a script by; no other script may run in it."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
