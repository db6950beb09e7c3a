"""The page as text; `test_browser` looks at it as people do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pandas as pd
import pytest

from forget.errors import StorageError
from forget.report.material import Material
from forget.report.page import write_page, writing
from report.page import materials
from report.page.materials import FLIPS, HOSTILE, Run


@pytest.fixture(autouse=True)
def _without_vega(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make Vega's script takes seconds, and no test here draws."""
    monkeypatch.setattr(writing, "_vega", lambda: "vega")


def written(material: Material, folder: Path) -> str:
    write_page(material, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    return dict(json.loads(match[1]))


def test_data_are_there_once_and_as_text(tmp_path: Path) -> None:
    text = written(materials.small(), tmp_path)
    data = data_of(text)
    assert len(data["results"]["delta"]) == 45
    assert HOSTILE in data["flips"]["response"]["levels"]
    assert "window.broken" in text
    assert "<script>window.broken" not in text
    assert "<img" not in text
    assert "<b>more</b>" not in text
    assert text.count("phase1 &amp; &lt;b&gt;more&lt;/b&gt;") == 2


def test_the_verdict_is_there_without_a_script(tmp_path: Path) -> None:
    text = written(materials.small(), tmp_path)
    assert "Of 3 models, 1 forgot something on at least one benchmark" in text
    assert "300 of 2,376 items" in text
    assert "not evaluated" in text
    assert text.count("<code>forget report --html report.html</code>") >= 8


def test_each_script_is_known_by_its_hash(tmp_path: Path) -> None:
    text = written(materials.small(), tmp_path)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert policy[1].count("'sha256-") == text.count("<script>") == 2
    assert "unsafe-eval" not in policy[1]


def test_it_names_no_other_place(tmp_path: Path) -> None:
    text = written(materials.small(), tmp_path)
    addresses = set(re.findall(r"https?://[\w./-]+", text))
    assert addresses == {"https://vega.github.io/schema/vega-lite/v6.json"}  # a name, not read


@pytest.mark.slow
def test_a_page_is_the_same_twice(tmp_path: Path) -> None:
    assert written(materials.small(), tmp_path) == written(materials.small(), tmp_path)


def empty(**changes: Any) -> Material:
    made = materials.small()
    nothing = {
        "results": made.results[:0],
        "curves": pd.DataFrame(columns=["run", "step"]),
        "flips": pd.DataFrame(columns=list(FLIPS)),
        "provenance": {},
    }
    return attrs.evolve(made, **(nothing | changes))


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    text = written(empty(), tmp_path)
    assert "There is no checkpoint yet, so there is nothing to judge." in text
    assert "Nothing is known of how these checkpoints were trained." in text


def test_results_alone_make_a_page(tmp_path: Path) -> None:
    text = written(empty(results=materials.small().results), tmp_path)
    assert data_of(text)["flips"]["doc_id"] == {"levels": [], "codes": []}
    assert data_of(text)["razor"]["curve"]


@pytest.mark.slow
def test_items_take_what_room_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = materials.material([Run(method="pi")], (100,), ("mmlu",), flips=2000)
    monkeypatch.setattr(writing, "_FLIPS_BYTES", (2_000, 2_000_000))
    whole = data_of(written(made, tmp_path))
    monkeypatch.setattr(writing, "_PAGE_BYTES", 0)
    least = data_of(written(made, tmp_path))
    assert len(whole["flips"]["doc_id"]) == 2000
    assert 10 < len(least["flips"]["doc_id"]) < 100


def test_text_that_is_no_unicode_is_replaced(tmp_path: Path) -> None:
    assert "phase \ud800".encode("utf-8", "replace") == b"phase ?"
    text = written(attrs.evolve(empty(), title="phase \ud800"), tmp_path)
    assert "<h1>phase ?</h1>" in text


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(self: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="The disk is full"):
        write_page(materials.small(), path)
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("over", "said"), [("benchmarks", "of a checkpoint"), ("checkpoints", "of all checkpoints")]
)
def test_what_holm_counted_is_said(over: str, said: str, tmp_path: Path) -> None:
    page = written(attrs.evolve(materials.small(), over=over), tmp_path)
    assert f"Holm's correction over the benchmarks {said}" in " ".join(page.split())
