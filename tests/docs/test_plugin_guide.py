"""docs/how-to/writing-a-plugin.md and the example distribution it prints."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from docs.documents import commands, document, inline_code, tables
from docs.examples import ExampleDistribution, printed_files
from forget import hooks
from forget.benchmark import Benchmark
from forget.catalogue import load_catalogue
from forget.cli import group
from forget.completion import Completion, Sampling
from forget.dataset import Dataset
from forget.method import Method, PrepareTask, TrainTask
from forget.plugins import Kind, load_plugins
from forget.teacher import Teacher, TeacherPrompt
from forget.testing import (
    BenchmarkConformance,
    DatasetConformance,
    MethodConformance,
    NoData,
    TeacherConformance,
)

GUIDE = document("docs/how-to/writing-a-plugin.md")
EXAMPLE = ExampleDistribution("forget-short-answers")
RECORDS: dict[Kind, tuple[str, type]] = {
    "methods": ("short-answers", Method),
    "datasets": ("doubling", Dataset),
    "teachers": ("parrot", Teacher),
    "benchmarks": ("opposites", Benchmark),
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the example installed."""
    with EXAMPLE.installed(tmp_path / "site", monkeypatch):
        yield


def record(kind: Kind, tmp_path: Path) -> Any:
    return load_plugins().get(kind, RECORDS[kind][0], load_catalogue(folder=tmp_path)).record


# --- the guide


@pytest.mark.parametrize("hook", [name for name in hooks.__all__ if name.startswith("forget_")])
def test_every_hook_is_documented_with_its_signature(hook: str) -> None:
    signature = f"{hook}{inspect.signature(getattr(hooks, hook))}".replace("'", "")
    assert f"Hook: `{signature}`" in GUIDE


@pytest.mark.parametrize("kind", RECORDS)
def test_every_member_of_a_record_is_documented(kind: Kind) -> None:
    _, contract = RECORDS[kind]
    [table] = [t for t in tables(GUIDE) if t[0][0] == f"member of `{contract.__name__}`"]
    members = set(contract.__annotations__)
    for name, member in vars(contract).items():
        if isinstance(member, property):
            members.add(name)
        elif inspect.isfunction(member) and not name.startswith("_"):
            signature = str(inspect.signature(member)).replace("'", "").replace("self, ", "")
            members.add(f"{name}{signature}")
    documented = [row[0].strip("`") for row in table[1:]]
    assert len(documented) == len(members)
    assert set(documented) == members


def test_the_files_of_the_example_are_printed_as_they_are() -> None:
    assert printed_files(GUIDE) == EXAMPLE.files()


def test_modules_named_in_the_guide_exist() -> None:
    from importlib.util import find_spec

    for code in inline_code(GUIDE):
        if re.fullmatch(r"forget(\.\w+)+", code) and not code.endswith(".toml"):
            assert find_spec(code) is not None, code


def test_the_first_command_prints_what_the_guide_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [command] = [c for c in commands("", GUIDE, "forget") if c.line.startswith("forget new")]
    result = CliRunner().invoke(group, command.line.split()[1:], catch_exceptions=False)
    assert result.stdout.strip() == command.output


# --- the example


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", RECORDS)
def test_the_example_is_listed_as_installed(kind: Kind, tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["list", kind, "--json"], catch_exceptions=False)
    lines = {line["name"]: line for line in json.loads(result.stdout)}
    line = lines[RECORDS[kind][0]]
    assert (line["status"], line["remedy"]) == ("installed", "")
    assert line["provider"] == "forget-short-answers 1.0"
    assert not load_plugins().broken


@pytest.mark.usefixtures("installed")
def test_its_settings_are_shown() -> None:
    arguments = ["show", "short-answers", "--json"]
    shown = json.loads(CliRunner().invoke(group, arguments, catch_exceptions=False).stdout)
    assert shown["settings"][-1] == {
        "name": "prefix",
        "type": "text",
        "default": "#### ",
        "help": "text before the answer",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_its_run_can_be_planned(tmp_path: Path) -> None:
    command = (
        "run --method short-answers --dataset doubling --benchmarks opposites --dry-run --json"
    )
    arguments = [*command.split(), "--set", "prefix=It is ", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(group, arguments, catch_exceptions=False)
    [run] = json.loads(result.stdout)["runs"]
    assert run["settings"]["method_settings"]["prefix"] == "It is"


@pytest.mark.usefixtures("installed")
def test_its_dataset_grades_its_own_solutions(tmp_path: Path) -> None:
    dataset = record("datasets", tmp_path)
    splits = [dataset.load(split, NoData()) for split in ("train", "test")]
    assert [len(examples) for examples in splits] == [100, 50]
    assert not {e.question for e in splits[0]} & {e.question for e in splits[1]}
    for example in splits[0]:
        written = Completion(text=example.solution, finished=True, tokens=9)
        assert dataset.verify(example, written).correct
    for text in ("", "####", "no", "#### 1 #### 3"):
        assert not dataset.verify(
            splits[0][1], Completion(text=text, finished=False, tokens=1)
        ).correct


@pytest.mark.usefixtures("installed")
def test_its_method_prepares_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import forget.training

    written: list[Any] = []
    trained: list[TrainTask] = []
    monkeypatch.setitem(
        vars(forget.training), "write_examples", lambda task, rows: written.extend(rows)
    )
    monkeypatch.setitem(vars(forget.training), "train_supervised", trained.append)
    method, dataset = record("methods", tmp_path), record("datasets", tmp_path)
    common = {"dataset": dataset, "model": tmp_path, "settings": method.settings(), "seed": 0}
    method.prepare(PrepareTask(**common, data=NoData(), output=tmp_path))
    assert len(written) == 100
    assert (written[3].id, written[3].completion) == ("train-3", "#### 6")
    task = TrainTask(**common, data=tmp_path, output=tmp_path)
    method.train(task)
    assert trained == [task]


@pytest.mark.slow
def test_its_tests_pass() -> None:
    kits = (MethodConformance, DatasetConformance, TeacherConformance, BenchmarkConformance)
    collected = [name for kit in kits for name in dir(kit) if name.startswith("test_")]
    assert EXAMPLE.passed() >= len(collected)


@pytest.mark.usefixtures("installed")
def test_its_teacher_generates(tmp_path: Path) -> None:
    asked = ("one two", "three")
    prompts = [TeacherPrompt([{"role": "user", "content": text}], seed=0) for text in asked]
    found = list(record("teachers", tmp_path).generate(prompts, Sampling(max_new_tokens=8)))
    assert [(o.prompt, o.completion.text) for o in found] == [(0, "one two"), (1, "three")]


@pytest.mark.usefixtures("installed")
def test_its_benchmark_has_the_items_it_promises(tmp_path: Path) -> None:
    from forget_short_answers.opposites.items import items

    benchmark = record("benchmarks", tmp_path)
    assert attrs.asdict(benchmark)["items"] == len(items())
    for item in items():
        assert len(set(item["choices"])) == 2
    assert [item["choices"][item["answer"]] for item in items()][:3] == ["cold", "small", "late"]


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_lm_eval_takes_its_benchmark(tmp_path: Path) -> None:
    from forget.evaluation.harness import bind
    from forget.mirror import Mirror

    [task] = bind(record("benchmarks", tmp_path), Mirror(), None)
    requests = task.requests()
    assert len(requests) == 24
    scored = task.score([[-float(i % 2), True] for i in range(24)])
    assert [document.target for document in scored[:2]] == ["0", "1"]
    assert task.aggregate("acc", [document.metrics["acc"] for document in scored]) == 0.5
