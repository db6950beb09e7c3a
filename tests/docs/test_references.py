"""The tables of the reference documents say what the code says.

A table that is out of date is mended by pasting the one that the failing test prints.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import click
import numpy as np
import pytest
from click.testing import CliRunner

from docs import command_line
from docs.command_line import all_commands
from docs.documents import (
    ROOT,
    blocks,
    document,
    headings,
    inline_code,
    markdown,
    source_files,
    tables,
)
from foreign_results import make_results
from forget import errors
from forget.catalogue import Catalogue, Override, Wheel
from forget.cli import group
from forget.convert import type_name
from forget.doctor.diagnosis import State as DoctorState
from forget.evaluation.record import ModelLine, SweepRecord
from forget.hint import Hint
from forget.inventory.fetch import Fetched
from forget.inventory.records import Format, State
from forget.method import SupervisedSettings, TrainingSettings
from forget.metrics import macro_average
from forget.outlook import Step
from forget.plan import PendingRun
from forget.plugins import load_plugins
from forget.report.comparison import Outcome, comparison_as_plain
from forget.report.plain import findings_as_plain
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.facts import RunState, SweepState
from forget.settings import describe
from forget.store.lock import exclusive
from forget.training import TrajectorySettings
from forget.training.drift.meter import CompletionKl, told
from forget.training.drift.weights import Change
from forget.training.rollouts.settings import RolloutSettings, RoundSettings
from forget.verdict.evidence import weigh
from forget.verdict.findings import CheckpointFindings, Finding, Findings
from forget.verdict.judging import Case, judge_average, judge_together
from forget.verdict.terms import Terms
from made_study import Study
from report.card.conftest import MakeRun, make_carded_run  # noqa: F401 - a fixture
from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import StubStudy
from study_data import make_run, make_store, reseal, trajectories

Row = list[str]


def assert_table(found: list[Row], heading: Row, rows: list[Row]) -> None:
    assert found == [heading, *rows], f"the table should be\n\n{markdown(heading, rows)}"


def sections(text: str) -> dict[str, str]:
    """Split a document at its headings of the second and third level."""
    parts = re.split(r"^##+ (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value).replace("\n", "\\n")


# --- settings


def limits(metadata: Any) -> str:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"{low} to {high}"


SETTINGS = ["setting", "type", "default", "limits", "meaning"]


def settings_rows(cls: type, beside: type | None = None) -> list[Row]:
    """Lay out the settings of a class that another does not have just so."""
    metadata = {field.name: field.metadata for field in attrs.fields(cls)}
    rows = [
        [f"`{i.name}`", i.type, shown(i.default), limits(metadata[i.name]), i.help]
        for i in describe(cls)
    ]
    known = settings_rows(beside) if beside else []
    return [row for row in rows if row not in known]


@pytest.mark.parametrize(
    ("place", "cls", "beside"),
    [
        (0, TrainingSettings, None),
        (1, SupervisedSettings, TrainingSettings),
        (2, TrajectorySettings, SupervisedSettings),
        (3, RolloutSettings, TrainingSettings),
        (4, RoundSettings, RolloutSettings),
    ],
)
def test_the_settings_of_training(place: int, cls: type, beside: type | None) -> None:
    found = list(tables(document("docs/reference/settings.md")))
    assert_table(found[place], SETTINGS, settings_rows(cls, beside))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("gt-sft", TrainingSettings),
        ("sf-sft", SupervisedSettings),
        ("grpo", RolloutSettings),
        ("spin", RoundSettings),
        ("pi", RoundSettings),
    ],
)
def test_the_settings_of_a_method(name: str, beside: type) -> None:
    """Its document has those that are its own, and those whose default is."""
    cls = load_plugins().all("methods")[name].record.settings
    found = next(t for t in tables(document(f"docs/methods/{name}.md")) if t[0] == SETTINGS)
    assert_table(found, SETTINGS, settings_rows(cls, beside))


METHODS = ("gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi")


@pytest.mark.slow
def test_cf_sft_has_the_settings_of_sf_sft() -> None:
    """As its document says."""
    of = {name: load_plugins().all("methods")[name].record.settings for name in METHODS}
    assert of["cf-sft"] is of["sf-sft"]


def test_every_method_that_ships_has_a_document() -> None:
    found = load_plugins().all("methods").values()
    ours = {one.record.name for one in found if one.provider.distribution == "forget-llm"}
    assert ours == {*METHODS}
    table = tables(document("docs/methods/README.md"))[0]
    assert [row[0] for row in table[1:]] == [f"[`{name}`]({name}.md)" for name in METHODS]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_document_of_a_method(name: str) -> None:
    """All have the same parts, name the paper, and write the loss down."""
    text = document(f"docs/methods/{name}.md")
    parts = sections(text)
    wanted = ["The loss", "Settings", "When to use it", "What it costs", "How it fails"]
    assert [title for title in parts if title in wanted] == wanted
    [arxiv] = re.findall(
        r"arxiv\.org/abs/([\d.]+\d)", load_plugins().all("methods")[name].record.paper
    )
    assert arxiv in text
    assert re.search(r"\n\n {4}.*(?:L|l_it) = ", text)


@pytest.mark.parametrize("name", METHODS)
def test_the_curve_of_a_method(name: str) -> None:
    """It is a picture of a run, small enough for a page."""
    picture = f"images/methods-{name}.png"
    assert f"../{picture}" in sections(document(f"docs/methods/{name}.md"))["Its curve"]
    assert (ROOT / "docs" / picture).stat().st_size < 80_000


def test_the_presets_of_a_variant() -> None:
    """docs/methods/spin.md has a column for each."""
    presets = next(
        field.metadata["presets"]
        for field in attrs.fields(load_plugins().all("methods")["spin"].record.settings)
        if field.name == "variant"
    )
    found = next(t for t in tables(document("docs/methods/spin.md")) if t[0][0] == "preset")
    names = dict.fromkeys(name for preset in presets.values() for name in preset)
    rows = [
        [
            f"`{name}`",
            *(shown(preset[name]) if name in preset else "" for preset in presets.values()),
        ]
        for name in names
    ]
    assert_table(found, ["preset", *(f"`{variant}`" for variant in presets)], rows)


TEACHERS = sections(document("docs/how-to/teachers.md"))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("vLLM on this machine", "vllm"),
        ("A server", "openai"),
        ("In the same process", "transformers"),
    ],
)
def test_the_settings_of_every_kind_of_teachers(title: str, name: str) -> None:
    cls = load_plugins().all("teachers")[name].record.settings
    fields = {field.name: field.metadata for field in attrs.fields(cls)}
    rows = [
        [
            f"`{info.name}`",
            info.type,
            shown(info.default),
            limits(fields[info.name]),
            "no" if fields[info.name].get("technical") else "yes",
            info.help,
        ]
        for info in describe(cls)
    ]
    [found] = tables(TEACHERS[title])
    heading = ["setting", "type", "default", "limits", "in the data's identity", "meaning"]
    assert_table(found, heading, rows)


# --- registry

REGISTRY = sections(document("docs/reference/registry.md"))


def default_of(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return "required"
    default = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is None or default in ("", (), {}):
        return ""
    return json.dumps(default)


def keys_of(record: type) -> list[Row]:
    """Return key, type and default of every key of a registry record."""
    hints = get_type_hints(record)
    return [
        [f"`{field.name}`", type_name(hints[field.name]), default_of(field)]
        for field in attrs.fields(record)
    ]


def test_every_section_of_the_registry_is_documented() -> None:
    documented = [name for title in REGISTRY for name in re.findall(r"\[(\w+)\.NAME\]", title)]
    assert sorted(documented) == sorted(field.name for field in attrs.fields(Catalogue))


def registry_records() -> Iterator[tuple[str, type]]:
    for section, hint in get_type_hints(Catalogue).items():
        title = next(title for title in REGISTRY if f"[{section}.NAME]" in title)
        yield title, get_args(hint)[1]
    yield "Wheel", Wheel
    yield "Override", Override
    yield "Hint", Hint


@pytest.mark.parametrize(("title", "record"), [*registry_records()])
def test_every_key_of_the_registry_is_documented(title: str, record: type) -> None:
    [found] = tables(REGISTRY[title])
    assert found[0] == ["key", "type", "default", "meaning"]
    assert [row[:3] for row in found[1:]] == keys_of(record)
    assert all(row[3] for row in found)


# --- command line

CLI = sections(document("docs/reference/cli.md"))


@pytest.mark.parametrize("name", all_commands())
def test_every_command_shows_an_example(name: str) -> None:
    assert f"  forget {name}" in (all_commands()[name].epilog or "")


def test_the_page_is_what_make_reference_writes() -> None:
    assert command_line.page() == document("docs/reference/cli.md"), "run `make reference`"


@pytest.mark.parametrize("name", all_commands())
def test_every_option_of_a_command_is_documented(name: str) -> None:
    """Its own, or with those of `forget run` that it refers to."""
    text, run = CLI[f"`forget {name}`"], CLI["`forget run`"]
    own = " ".join(row[0] for table in tables(text) for row in table)
    if "those of `forget run`" in text:
        left_out = text.partition(", without ")[2].partition(".")[0]
        own += " ".join(row[0] for row in tables(run)[0] if row[0] not in left_out)
    options = [p for p in all_commands()[name].params if isinstance(p, click.Option)]
    shown = {f"`{p.opts[0]}`" for p in options if not (p.is_eager or p.hidden)}
    assert set(re.findall(r"`--[\w-]+`", own)) == shown


def test_every_environment_variable_is_documented() -> None:
    code = ROOT / "core"
    used = set()
    for path in source_files(".py"):
        if path.is_relative_to(code):
            used |= set(re.findall(r"\bFORGET_[A-Z]+\b", path.read_text(encoding="utf-8")))
    [found] = tables(CLI["Environment variables"])
    assert {row[0].strip("`") for row in found[1:] if row[0].startswith("`FORGET_")} == used


# --- JSON

JSON = document("docs/reference/json.md")
SHAPES = sections(JSON)


def example(title: str) -> Any:
    [block] = [block for block in blocks(SHAPES[title]) if block.language == "json"]
    return json.loads(block.text)


def shape(value: Any, free: tuple[str, ...] = ()) -> Any:
    """Return the keys of a JSON value, lists by their first element, `free` tables unopened."""
    if isinstance(value, dict):
        return {key: "free" if key in free else shape(item, free) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item, free) for item in value[:1]]
    return "scalar"


def output(*arguments: str) -> Any:
    result = CliRunner().invoke(group, [*arguments, "--json"], catch_exceptions=False)
    return json.loads(result.stdout)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and an environment that says nothing."""
    for variable in ("FORGET_DATA", "FORGET_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("alone")
def test_the_shape_of_list() -> None:
    found = output("list")
    [documented] = example("`forget list --json`")
    assert {tuple(line) for line in found} == {tuple(documented)}
    text = inline_code(SHAPES["`forget list --json`"])
    assert {line["kind"] for line in found} | {line["status"] for line in found} <= set(text)


@pytest.mark.usefixtures("alone")
def test_the_shape_of_show() -> None:
    found = output("show", "gt-sft")
    documented = example("`forget show --json`")
    assert shape(documented) == shape(found)
    assert documented["settings"] == found["settings"][:1]
    others = {key for name in ("piqa", "core10") for key in output("show", name)}
    assert others <= {*inline_code(SHAPES["`forget show --json`"]), *documented}


@pytest.mark.usefixtures("alone")
def test_the_shape_of_a_dry_run() -> None:
    found = output("run", "--study", "demo", "--method", "gt-sft", "--dry-run")
    documented = example("`forget run --dry-run --json`")
    assert documented.keys() == found.keys()
    assert shape(documented["runs"], ("settings",)) == shape(found["runs"], ("settings",))
    frozen, wanted = (plain["runs"][0]["settings"] for plain in (documented, found))
    assert frozen.keys() == wanted.keys()
    assert frozen["method_settings"].items() <= wanted["method_settings"].items()
    assert tuple(documented["pending"][0]) == PendingRun._fields


@pytest.mark.usefixtures("alone")
def test_the_shape_of_a_plan() -> None:
    found = output("plan", "--method", "gt-sft", "--benchmarks", "mini_piqa")
    found["units"][-1]["needs"] = []
    assert shape(example("`forget plan --json`")) == shape(found)


@pytest.mark.slow
@pytest.mark.usefixtures("alone")
def test_the_shape_of_doctor() -> None:
    found = output("doctor")
    found["commands"] = ["forget data fetch gsm8k --data mirror"]
    assert shape(example("`forget doctor --json`")) == shape(found)
    said = inline_code(SHAPES["`forget doctor --json`"])
    assert {*get_args(DoctorState), *(check["area"] for check in found["checks"])} <= set(said)


@pytest.mark.slow
def test_the_shape_of_status(study: Study) -> None:
    run = study.untrain("gt-sft", keep=1)
    with exclusive(run.folder.lock, "evaluate", "step-000100"):
        working = output("status", "--out", str(study.out))
    found = {**output("status", "--out", str(study.out)), "jobs": working["jobs"]}
    documented = example("`forget status --json`")
    assert documented["data"][0].keys() == found["data"][0].keys()
    free = ("data", "warnings")
    found["sweeps"][0]["jobs"] = [""]
    assert shape(documented, free) == shape(found, free)
    said = inline_code(SHAPES["`forget status --json`"])
    states = {
        *get_args(RunState),
        *get_args(SweepState),
        *get_args(get_type_hints(JobLine)["state"]),
    }
    assert states <= set(said)


def test_the_shape_of_a_dry_run_of_a_comparison(
    monkeypatch: pytest.MonkeyPatch, alone: Path
) -> None:
    monkeypatch.setattr("forget.comparison.find_checkpoints", list)
    monkeypatch.setattr("forget.outlook.comparison_outlook", lambda *_: [Step("a", "b", True)])
    arguments = ("eval", str(alone), "--base", "some/model", "--benchmarks", "mini_piqa")
    found = output(*arguments, "--dry-run")
    assert shape(example("`forget eval --dry-run --json`")) == shape(found)


@pytest.mark.slow
def test_the_shapes_of_data(alone: Path, tiny_model: Path) -> None:
    run = make_run(alone, tiny_model, "phase1/tiny/arithmetic/sf-sft/seed-0")
    store = make_store(alone, [("train-00000", 0, "#### 330")], questions=1)
    where = store.relative_to(alone).as_posix()
    reseal(run / "data", trajectories=trajectories(where))
    found = output("data")["datasets"]
    documented = example("`forget data --json`")["datasets"]
    assert {tuple(row) for row in found} == {tuple(row) for row in documented}
    said = inline_code(SHAPES["`forget data --json`"])
    assert {*get_args(Format), *get_args(State)} <= set(said)
    assert shape(example("`forget data verify --json`")) == shape(output("data", "verify"))
    fetched = output("data", "fetch", "arithmetic", "--data", str(alone / "mirror"))
    documented = example("`forget data fetch --json`")
    assert documented.keys() == fetched.keys()
    assert list(documented["files"][0]) == [field.name for field in attrs.fields(Fetched)]
    shown = output("data", "show", str(run), "--model", str(tiny_model), "--count", "1")
    assert shape(example("`forget data show --json`")) == shape(shown)
    completions = output("data", "show", where)["completions"]
    keys = inline_code(SHAPES["`forget data show --json`"])
    assert set(completions[0]) <= set(keys)


def test_the_shape_of_a_comparison() -> None:
    found = CheckpointFindings(
        name="step-000020",
        step=20,
        benchmarks=(finding("mini_piqa"),),
        missing=(),
        task=finding("task:arithmetic", truncation_rate=0.0),
        drift=drift(),
        **judged_average(),
    )
    line = ModelLine(name="base", step=0, digest="d", evaluations={})
    record = SweepRecord(
        title="t",
        base_model="m",
        benchmarks=("mini_piqa",),
        task="task:arithmetic",
        base=line,
        checkpoints=(line,),
        fingerprint={},
    )
    outcome = Outcome("r", "f", Findings(record=record, checkpoints=(found,)), {"lr": 1e-4})
    documented = example("Several runs")
    assert shape(documented["comparison"]) == shape(comparison_as_plain([outcome]))


def drift() -> dict[str, Any]:
    kl = CompletionKl([0.1, 0.2], [0.1, 0.3])
    return told(kl, [2, 3], Change(unchanged=0.9, relative=0.1))


def finding(name: str, **details: float) -> Finding:
    base, other = np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0])
    evidence = weigh(base, other, None, name)
    return Finding(
        benchmark=name,
        metric="acc",
        score=0.25,
        base_score=0.75,
        change=evidence.change,
        judgement=judge_together([[Case(evidence, 0.75, 0.5, 2.0)]], Terms())[0][0],
        chance=0.5,
        details=details,
        base_details=details,
    )


def judged_average() -> dict[str, Any]:
    evidence = weigh(np.array([1.0, 1.0]), np.array([1.0, 0.0]), None, "a")
    average = macro_average([evidence.change])
    judgement = judge_average(average, [evidence], 2.0, Terms())
    return {"average_so_far": average, "judgement": judgement}


def test_the_shape_of_a_report() -> None:
    line = ModelLine(name="base", step=0, digest="d", evaluations={})
    checkpoint = CheckpointFindings(
        name="step-000004",
        step=4,
        benchmarks=(finding("mini_piqa", required_items=100),),
        missing=(),
        task=finding("task:arithmetic", truncation_rate=0.0),
        drift=drift(),
        **judged_average(),
    )
    record = SweepRecord(
        title="t",
        base_model="m",
        benchmarks=("mini_piqa",),
        task="task:arithmetic",
        base=line,
        checkpoints=(line,),
        fingerprint={},
    )
    found = findings_as_plain(Findings(record=record, checkpoints=(checkpoint,)))
    documented = example("`forget run --json`, `forget eval --json`, `forget report --json`")
    assert shape(documented, ("fingerprint",)) == shape(found, ("fingerprint",))


def test_the_shape_of_two_models_compared(alone: Path) -> None:
    make_results(alone / "a", {"x": {"acc": [1.0] * 90}})
    make_results(
        alone / "b",
        {"x": {"acc": [0.0, 0.0, 1.0] * 30}, "y": {"acc": [1.0]}},
        lm_eval_version="0.4.12",
    )
    found = output("compare", "a", "b", "--despite", "lm-eval")
    assert shape(example("`forget compare --json`")) == shape(found)


def test_the_shape_of_a_card(make_carded_run: MakeRun, alone: Path) -> None:  # noqa: F811
    found = output("card", str(make_carded_run()), "--to", str(alone / "card.md"))
    assert shape(example("`forget card --json`")) == shape(found)


def test_every_key_of_the_distance_is_explained() -> None:
    [found] = tables(sections(document("docs/explanation/drift.md"))["What is measured"])
    explained = {key for row in found[1:] for key in re.findall(r"`([a-z_]+)`", row[0])}
    assert explained | {f"{key}_stderr" for key in explained if "kl_" in key} == {*drift()}


def test_the_exit_statuses() -> None:
    [found] = tables(SHAPES["Exit status"])
    documented = {row[0].strip("`") for row in found[1:]}
    raised = {
        str(error.exit_status)
        for error in vars(errors).values()
        if inspect.isclass(error) and issubclass(error, errors.ForgetError)
    }
    assert documented == raised | {"0", "130"}


def test_the_helpers() -> None:
    assert shape({"a": [{"b": 1}, {"c": 2}], "d": {"e": None}}, ("d",)) == {
        "a": [{"b": "scalar"}],
        "d": "free",
    }
    text = "# A\n\n| a | b |\n|---|---|\n| 1 \\| 2 | |\n\n## `b` [c](d)!\n"
    assert tables(text) == [[["a", "b"], ["1 | 2", ""]]]
    assert tables(markdown(["a", "b"], [["1 | 2", ""]])) == tables(text)
    assert headings(text) == ["a", "b-c"]


def test_the_shape_of_what_was_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = StubStudy(tmp_path / "study")
    commands = FakeCommands(tmp_path / "bin", monkeypatch)
    for name, said in (("squeue", ""), ("sinfo", "main*|1:00:00|8000|8|(null)"), ("sbatch", "7")):
        commands.answer(name, said)
    for name in ("scancel", "scontrol"):
        commands.answer(name)
    monkeypatch.chdir(study.folder)
    options = ("--study", "small", "--on", "slurm", "--cluster", "ci", "--out", str(study.out))
    found = output("run", *options)
    assert found["active"] == found["submitted"]
    documented = example("`forget run --on slurm --json`")
    assert shape({**documented, "active": documented["submitted"]}) == shape(found)
