"""The page in a real browser: it is quiet, quick, reads nothing from elsewhere, and can be used."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from forget.report.page import write_page
from report.page import materials
from report.page.materials import HOSTILE

if find_spec("playwright") is None:
    pytest.skip("playwright is not installed: pip install playwright", allow_module_level=True)

from playwright.sync_api import expect

pytestmark = pytest.mark.slow

FIGURES = ("forest", "trajectories", "methods", "frontier", "razor", "training")


def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def column(page: Any, number: int) -> list[str]:
    return texts(page, f"#results-table tbody tr > :nth-child({number})")


# --- quiet, quick, alone


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint_or_a_request(
    opened: Any, small_page: Path, width: int, scheme: str
) -> None:
    found = opened(small_page, width=width, scheme=scheme)
    assert found.complaints == []
    assert found.requests == []
    for name in FIGURES:
        assert found.page.locator(f"[data-figure={name}] svg").count() == 1
    inner = "document.documentElement.scrollWidth - window.innerWidth"
    assert found.page.evaluate(inner) <= 0  # nothing sticks out: only tables scroll sideways


@pytest.mark.parametrize("kind", ["nothing", "comparison", "unsure", "unevaluated"])
def test_it_is_quiet_where_there_is_little_to_show(opened: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "report.html"
    write_page(getattr(materials, kind)(), path)
    found = opened(path)
    assert found.complaints == []
    for select in found.page.locator("select").all():
        for option in select.locator("option").all():
            select.select_option(option.get_attribute("value"))
    found.page.wait_for_timeout(300)
    assert found.complaints == []


def test_models_of_a_comparison_stand_beside_each_other(opened: Any, tmp_path: Path) -> None:
    write_page(materials.comparison(), tmp_path / "report.html")
    page = opened(tmp_path / "report.html").page
    assert texts(page, ".heat tbody th") == ["gt-sft-model", "grpo-model"]
    assert (page.text_content("[data-figure=methods] svg") or "").count("-model") == 2
    assert "There is nothing to draw" in page.inner_text("[data-figure=trajectories]")


def test_a_whole_study_is_small_and_opens_quickly(opened: Any, large_page: Path) -> None:
    assert large_page.stat().st_size < 5_000_000
    times = []
    for _ in range(3):
        found = opened(large_page)
        assert found.complaints == []
        times.append(found.page.evaluate("performance.getEntriesByType('navigation')[0].duration"))
    assert min(times) < 2000  # the least: a busy machine says nothing of the page


def test_nothing_but_its_own_scripts_may_run_in_it(opened: Any, small_page: Path) -> None:
    found = opened(small_page)
    found.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.broken = 1";
        document.body.append(script);
    }""")
    assert found.page.evaluate("window.broken") is None
    assert any("Content Security Policy" in text for text in found.complaints)


def test_without_scripts_the_verdict_can_be_read(opened: Any, small_page: Path) -> None:
    page = opened(small_page, java_script_enabled=False).page
    assert page.locator("#verdict .headline").inner_text().startswith("Of 3 models, 1 forgot")
    assert "need JavaScript" in page.locator("header").inner_text()


# --- text of models


def test_an_item_that_is_markup_shows_as_text(opened: Any, small_page: Path) -> None:
    found = opened(small_page)
    found.page.fill("#items-search", "window.broken")
    expect(found.page.locator(".item")).to_have_count(1)
    assert texts(found.page, ".item pre") == [HOSTILE] * 4
    assert found.page.evaluate("window.broken") is None
    assert found.page.title() == "phase1 & <b>more</b>"
    assert found.page.locator("h1").inner_text() == "phase1 & <b>more</b>"
    assert found.complaints == []


def test_items_are_filtered_and_turned(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    said = page.locator("#items-count")
    assert said.inner_text().startswith("1 to 5 of 55 items. The page carries 55 of the ")
    page.click("#items-next")
    assert said.inner_text().startswith("6 to 10 of 55 items.")
    page.select_option("#items-direction", "gained")
    assert said.inner_text().startswith("1 to 5 of 19 items.")
    assert all("gained" in text for text in texts(page, ".item .about"))
    page.select_option("#items-benchmark", "boolq")
    page.select_option("#items-run", label="grpo · gsm8k")
    assert said.inner_text().startswith("1 to 2 of 2 items.")
    assert page.is_disabled("#items-previous")
    assert page.is_disabled("#items-next")
    page.fill("#items-search", "no such text")
    expect(page.locator(".item")).to_have_count(0)
    assert said.inner_text().startswith("No item.")


# --- tables


def test_results_are_sorted(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    page.click("th[data-column=delta] button")
    assert page.get_attribute("th[data-column=delta]", "aria-sort") == "ascending"
    shown = [text.replace("−", "-") for text in column(page, 6)]
    known = [float(text) for text in shown if text != "–"]
    assert known == sorted(known)
    assert shown[len(known) :] == ["–", "–"]  # what is not known comes last, whichever way
    page.click("th[data-column=delta] button")
    assert page.get_attribute("th[data-column=delta]", "aria-sort") == "descending"
    assert column(page, 6)[-2:] == ["–", "–"]
    assert column(page, 6)[0].startswith("+")


def test_results_are_filtered(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    count = page.locator("#results-count")
    assert count.inner_text() == "15 of 15 rows shown."
    page.select_option("#results-checkpoints", "all")
    assert count.inner_text() == "45 of 45 rows shown."
    page.select_option("#results-verdict", "missing")
    assert set(column(page, 10)) == {"✕ not evaluated"}
    page.select_option("#results-verdict", "")
    page.select_option("#results-benchmark", "mmlu")
    assert set(column(page, 3)) == {"MMLU"}
    page.fill("#results-search", "spin")
    expect(count).to_have_text("3 of 3 rows shown.")
    page.check("#results-all")
    assert "kl_to_base" in texts(page, "#results-table thead th")


def test_a_long_table_is_shown_in_parts(opened: Any, large_page: Path) -> None:
    page = opened(large_page).page
    assert page.locator("#results-count").inner_text() == "100 of 216 rows shown."
    page.click("#results-more")
    assert page.locator("#results-count").inner_text() == "216 of 216 rows shown."
    assert page.is_hidden("#results-more")


def test_what_is_missing_is_said(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    assert "One model is not evaluated on all benchmarks" in page.inner_text(".headline")
    assert texts(page, "[data-heatmap] td.empty") == ["not eval.", "not eval."]
    assert "300 of 2,376" in page.inner_text("#results-table")
    page.select_option("#forest-run", label="spin · triviaqa")
    page.wait_for_selector("[data-figure=forest] svg >> text=not evaluated")
    page.select_option("#training-metric", "reward")
    said = page.locator("[data-figure=training] .reading")
    assert said.inner_text() == (
        "reward: 1 run, at the end 1. Not logged by gt-sft · gsm8k, spin · triviaqa."
    )


def test_rows_are_saved_as_they_are_in_the_frame(
    opened: Any, small_page: Path, tmp_path: Path
) -> None:
    page = opened(small_page, accept_downloads=True).page
    page.select_option("#results-verdict", "forgot")
    with page.expect_download() as download:
        page.click("#results-save")
    download.value.save_as(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["verdict"] for row in rows} == {"forgot"}
    assert all(-0.1 < float(row["delta"]) < 0 for row in rows)
    assert "clusters" in rows[0]


# --- charts


def test_hovering_shows_the_numbers(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    page.locator("[data-figure=forest] svg .mark-symbol path").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    shown = tooltip.inner_text()
    assert "ARC-Easy" in shown
    assert "p (Holm)" in shown


def test_a_choice_changes_the_chart_and_its_sentence(opened: Any, small_page: Path) -> None:
    found = opened(small_page)
    page = found.page
    said = page.locator("[data-figure=forest] .reading")
    assert said.inner_text().startswith("gt-sft · gsm8k, step-000300: 3 forgot.")
    page.select_option("#forest-run", label="grpo · gsm8k")
    page.select_option("#forest-checkpoint", "step-000100")
    assert said.inner_text().startswith("grpo · gsm8k, step-000100:")
    page.select_option("#trajectories-exam", "mmlu")
    page.select_option("#methods-panels", "variant")
    page.select_option("#frontier-checkpoints", "all")
    page.select_option("#evidence-run", label="gt-sft · gsm8k")
    assert texts(page, ".heat thead th") == ["step", "100", "200", "300"]
    page.wait_for_timeout(300)
    assert found.complaints == []


def test_a_chart_says_in_words_and_numbers_what_it_shows(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    for name in FIGURES:
        figure = page.locator(f"[data-figure={name}]")
        plot = figure.locator(".plot")
        assert plot.get_attribute("role") == "graphics-document"
        label = plot.get_attribute("aria-label") or ""
        assert len(label) > 40, name
        figure.locator("summary").click()
        figure.locator("table tbody tr").nth(1).wait_for()
        assert figure.locator("code").first.inner_text() == "forget report --html report.html"


def test_the_page_follows_the_width_of_the_window(opened: Any, small_page: Path) -> None:
    found = opened(small_page)
    wide = found.page.locator("[data-figure=forest] svg").bounding_box()["width"]
    assert wide > 900
    found.page.set_viewport_size({"width": 400, "height": 900})
    expect(found.page.locator("[data-figure=forest] svg")).not_to_have_attribute(
        "width", f"{wide:.0f}"
    )
    assert found.page.locator("[data-figure=forest] svg").bounding_box()["width"] < 400


# --- themes, paper, keyboard


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_switch_goes_to_dark_and_back(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    assert page.get_attribute("#theme", "aria-pressed") == "false"
    assert background(page) == "rgb(255, 255, 255)"
    page.click("#theme")
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    assert background(page) == "rgb(20, 23, 27)"
    ink = "[data-figure=forest] svg .mark-text text"
    filled = page.locator(ink).first.evaluate("node => getComputedStyle(node).fill")
    assert filled == "rgb(232, 234, 237)"
    page.click("#theme")
    assert background(page) == "rgb(255, 255, 255)"


def test_paper_is_light_and_has_no_controls(opened: Any, small_page: Path, tmp_path: Path) -> None:
    page = opened(small_page, scheme="dark").page
    assert background(page) == "rgb(20, 23, 27)"
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    assert page.is_hidden("nav")
    assert page.is_hidden("#theme")
    assert page.is_visible(".headline")
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText"))


def test_it_can_be_used_by_keyboard_alone(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the verdict"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert focused(page) == "theme"
    page.keyboard.press("Space")
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    seen = []
    for _ in range(200):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if seen[-1] == "forest-run":
            page.keyboard.press("ArrowDown")
        if seen[-1] == "change":
            page.keyboard.press("Enter")
            break
    assert page.locator("[data-figure=forest] .reading").inner_text().startswith("grpo")
    assert page.get_attribute("th[data-column=delta]", "aria-sort") == "ascending"
    assert focused(page) == "change"  # sorting leaves the reader where they were
    wanted = ["forest-run", "forest-checkpoint", "evidence-run", "items-search", "results-save"]
    assert [name for name in seen if name in wanted] == wanted


def test_what_a_screen_reader_needs_is_there(opened: Any, small_page: Path) -> None:
    page = opened(small_page).page
    found = page.evaluate("""() => ({
        language: document.documentElement.lang,
        unlabelled: [...document.querySelectorAll("select, input")]
            .filter((node) => !node.labels.length).map((node) => node.id),
        tables: [...document.querySelectorAll("table")]
            .filter((node) => !node.caption || !node.caption.textContent.trim()).length,
        headings: [...document.querySelectorAll("th")].filter((node) => !node.scope).length,
        unnamed: [...document.querySelectorAll("button, summary, a")]
            .filter((node) => !node.textContent.trim()).map((node) => node.outerHTML),
        sections: [...document.querySelectorAll("section, figure")]
            .map((node) => node.getAttribute("aria-labelledby"))
            .filter((id) => !document.getElementById(id)).length,
        ids: [...document.querySelectorAll("[id]")].map((node) => node.id),
        links: [...document.querySelectorAll("nav a")].map((node) => node.hash.slice(1)),
    })""")
    assert found["language"] == "en"
    ids = found.pop("ids")
    assert len(ids) == len(set(ids))
    assert set(found.pop("links")) <= set(ids)
    named = ("unlabelled", "tables", "headings", "unnamed", "sections")
    assert {name: found[name] for name in named} == {
        "unlabelled": [], "tables": 0, "headings": 0, "unnamed": [], "sections": 0,
    }, json.dumps(found)  # fmt: skip
