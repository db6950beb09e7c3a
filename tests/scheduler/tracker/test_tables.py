"""The same facts in a terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from docs.documents import tables
from forget.inventory.records import Entry
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.collect import collect
from forget.scheduler.tracker.facts import Result, SweepLine, Tracker
from forget.scheduler.tracker.markdown import as_markdown
from forget.scheduler.tracker.plain import as_plain
from forget.scheduler.tracker.tables import nothing_here, sections
from forget.scheduler.tracker.terminal import render_tracker
from forget.store.layout import Workspace
from made_study import Study

TITLES = ["What is measured", "Training runs", "Evaluation sweeps", "Data inventory"]
JOB = JobLine(("large/model/arithmetic/pi/seed-0/train", "b"), "running", "12", "node|1", "loss 1")


def screen(tracker: Tracker, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(render_tracker(tracker))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def tracker(study: Study) -> Tracker:
    found = study.look(JOB)
    run = found.training[0].run
    entry = attrs.evolve(
        found.data[0], folder="trajectories/a", format="trajectories", state="unfinished", rows=5,
        expected=20, pass_rate=0.431, purpose="completions",
    )  # fmt: skip
    return attrs.evolve(
        found,
        data=(*found.data, entry),
        results=(
            Result(
                run=run, checkpoint="step-000100", scored=3, benchmarks=10, average_delta=-0.05,
                average_stderr=0.01, worst="boolq", worst_delta=-0.12, task_accuracy=0.5,
                task_delta=0.25, task_stderr=None,
            ),
            Result(
                run=run, checkpoint="step-000200", scored=10, benchmarks=10,
                problem="it is damaged",
            ),
        ),
        warnings=("one request\nis broken",),
    )  # fmt: skip


def test_the_sections_in_their_order(tracker: Tracker) -> None:
    assert [section.title for section in sections(tracker)] == [
        *TITLES, "Key results so far", "Jobs",
    ]  # fmt: skip


@pytest.mark.slow
def test_what_all_runs_have_in_common_is_no_column(study: Study) -> None:
    [found] = [part for part in sections(study.look()) if part.title == "Training runs"]
    assert found.columns == ("method", "dataset", "checkpoints", ">steps", "status")
    study = study.with_registry("seeds = [0]", "seeds = [0, 1]")
    [found] = [part for part in sections(study.look()) if part.title == "Training runs"]
    assert found.columns[:3] == ("method", "dataset", "seed")


@pytest.mark.parametrize("width", [80, 120])
def test_in_a_terminal(tracker: Tracker, width: int) -> None:
    text = screen(tracker, width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(re.sub("[│┃]", " ", text).split())
    for said in (*TITLES, "one request is broken"):
        assert said in words
    for said in ("not known: it is damaged", "5 of 20", "(3 of 10 benchmarks)"):
        assert said in words or width < 100  # where cells are broken into lines
    assert "-5.0 ± 1.0" in words
    assert "50.0 (+25.0)" in words


@pytest.mark.slow
def test_a_command_is_never_broken(study: Study) -> None:
    advice = study.look().advice
    assert any(line.strip() == advice[0].command for line in screen(study.look(), 300).splitlines())


def test_as_markdown(tracker: Tracker) -> None:
    text = as_markdown(tracker)
    assert text.startswith("# Experiment Status Tracker\n\n**Last updated:** 20")
    assert "\x1b" not in text
    assert "> one request is broken\n" in text
    found = tables(text)
    assert len(found) == 6
    assert all(len({len(row) for row in table}) == 1 for table in found)
    assert found[1][0] == ["Method", "Dataset", "Checkpoints", "Steps", "Status"]
    assert found[1][1] == ["GT-SFT", "Arithmetic", "2 (every 100)", "200", "done"]
    assert found[1][4] == ["PI", "Arithmetic", "0 of 4 (every 100)", "0 of 200", "running"]
    assert found[2][1] == ["GT-SFT", "Arithmetic", "3/3", "done", "—"]
    assert found[3][2][-1] == "unfinished: 5 of 20"
    assert found[3][2][3] == "43.1 %"
    assert found[4][1] == [
        "GT-SFT", "Arithmetic", "100", "-5.0 ± 1.0 (3 of 10 benchmarks)", "boolq -12.0",
        "50.0 (+25.0)",
    ]  # fmt: skip
    assert found[5][1] == [
        "12", "node|1", "running", "large/model/arithmetic/pi/seed-0/train and 1 more", "loss 1",
    ]  # fmt: skip


def test_what_to_do_is_a_block_of_code(study: Study) -> None:
    tracker = study.look()
    text = as_markdown(tracker)
    assert "## What to do next\n" in text
    assert f"  ```bash\n  {tracker.advice[0].command}\n  ```\n" in text
    assert "6 units are left" in text


def test_machines_are_told_apart_where_there_are_several(study: Study) -> None:
    tracker = study.look()
    there = SweepLine(
        run=tracker.training[0].run, done=1, total=None, partly=1, state="partly done", machine="x"
    )
    tracker = attrs.evolve(tracker, sweeps=(*tracker.sweeps, there))
    [found] = [part for part in sections(tracker) if part.title == "Evaluation sweeps"]
    assert found.columns[-1] == "made on"
    assert found.rows[-1][-1].text == "x"
    assert found.rows[-1][2].text == "1/? + 1 partly"


def test_as_json(tracker: Tracker) -> None:
    plain = json.loads(json.dumps(as_plain(tracker), allow_nan=False))
    assert plain["jobs"] == [{**JOB._asdict(), "units": list(JOB.units)}]
    assert plain["results"][0]["partial"]
    assert plain["results"][1]["worst"] is None
    assert plain["next"] == []
    assert plain["at"] == tracker.at.isoformat()


def test_a_log_is_a_path(tracker: Tracker) -> None:
    tracker = attrs.evolve(tracker, jobs=(JOB._replace(log=Path("a/b")),))
    assert as_plain(tracker)["jobs"][0]["log"] == "a/b"


def test_an_empty_folder_says_what_to_type(tmp_path: Path) -> None:
    tracker = collect(Workspace(tmp_path), [])
    assert "`forget run --method gt-sft`" in nothing_here(tracker)
    assert str(tmp_path) in " ".join(screen(tracker, 400).split())
    assert "Nothing was asked" in as_markdown(tracker)
    assert not any(section.rows for section in sections(tracker))
    entry = Entry(folder="x", path=None, format="SFT", dataset="d", state="complete")
    assert nothing_here(attrs.evolve(tracker, data=(entry,))) == ""
