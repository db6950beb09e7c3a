"""Every hook's docstring is a working plugin: it is run here as it stands."""

from __future__ import annotations

import textwrap
import types
from typing import Any

import pluggy
import pytest

import forget.training
from forget import hooks
from forget.benchmark import Benchmark, TaskFile
from forget.completion import Completion, Sampling
from forget.dataset import Dataset, Example
from forget.method import Method, PrepareTask, TrainingSettings, TrainTask
from forget.teacher import Teacher, TeacherPrompt

CONTRACTS = {
    "forget_methods": Method,
    "forget_datasets": Dataset,
    "forget_teachers": Teacher,
    "forget_benchmarks": Benchmark,
}
NAMES = {
    "forget_methods": "short-answers",
    "forget_datasets": "doubling",
    "forget_teachers": "parrot",
    "forget_benchmarks": "copa",
}


def documented_plugin(hook: str) -> types.ModuleType:
    """Run the code block of a hook's docstring as a module."""
    docstring = getattr(hooks, hook).__doc__
    _, block = docstring.split(".. code-block:: python\n", 1)
    module = types.ModuleType(f"documented_{hook}")
    exec(compile(textwrap.dedent(block), f"<{hook}>", "exec"), module.__dict__)
    return module


def documented_record(hook: str) -> Any:
    manager = pluggy.PluginManager("forget")
    manager.add_hookspecs(hooks)
    manager.register(documented_plugin(hook), name="documented")
    manager.check_pending()
    [[record]] = [list(records) for records in getattr(manager.hook, hook)()]
    return record


def test_there_is_one_hook_for_each_kind() -> None:
    specs = {name for name in hooks.__all__ if name.startswith("forget_")}
    assert specs == set(CONTRACTS)


@pytest.mark.parametrize("hook", CONTRACTS)
def test_the_documented_plugin_yields_its_record(hook: str) -> None:
    record = documented_record(hook)
    assert isinstance(record, CONTRACTS[hook])
    assert record.name == NAMES[hook]
    assert record.title
    assert record.summary


@pytest.mark.parametrize("hook", CONTRACTS)
def test_a_hook_without_implementation_says_so(hook: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(hooks, hook)()


class NoData:
    def rows(self, source: Any, split: str) -> Any:
        raise AssertionError("generated data needs no rows")


def test_the_documented_dataset_grades() -> None:
    doubling = documented_record("forget_datasets")
    train, test = (list(doubling.load(split, NoData())) for split in ("train", "test"))
    assert (len(train), len(test)) == (100, 50)
    assert not {e.id for e in train} & {e.id for e in test}
    example = train[21]
    assert doubling.prompt(example) == [{"role": "user", "content": "2 * 21 ="}]
    right = doubling.verify(example, Completion(text=" 42\n", finished=True, tokens=2))
    assert (right.correct, right.extracted, right.truncated) == (True, "42", False)
    wrong = doubling.verify(example, Completion(text="41", finished=False, tokens=8))
    assert (wrong.correct, wrong.extracted, wrong.truncated) == (False, "41", True)
    empty = doubling.verify(example, Completion(text="", finished=True, tokens=1))
    assert (empty.correct, empty.extracted) == (False, None)
    assert doubling.verify(
        example, Completion(text=example.solution, finished=True, tokens=1)
    ).correct


def test_the_documented_teacher_generates() -> None:
    parrot = documented_record("forget_teachers")
    prompts = [
        TeacherPrompt([{"role": "user", "content": "one two"}], seed=0),
        TeacherPrompt(
            [{"role": "system", "content": "s"}, {"role": "user", "content": "three"}], 1
        ),
    ]
    found = list(parrot.generate(prompts, Sampling(max_new_tokens=8)))
    assert [(o.prompt, o.completion.text) for o in found] == [(0, "one two"), (1, "three")]
    assert found[0].completion == Completion(text="one two", finished=True, tokens=2)


def test_the_documented_method_prepares_and_trains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    written: list[Any] = []
    trained: list[TrainTask] = []
    monkeypatch.setitem(
        vars(forget.training), "write_examples", lambda task, rows: written.extend(rows)
    )
    monkeypatch.setitem(vars(forget.training), "train_supervised", trained.append)
    method = documented_record("forget_methods")
    assert issubclass(method.settings, TrainingSettings)
    dataset = documented_record("forget_datasets")
    common = {"dataset": dataset, "model": tmp_path, "settings": method.settings(), "seed": 0}
    method.prepare(PrepareTask(**common, data=NoData(), output=tmp_path))
    assert len(written) == 100
    question: Example = dataset.load("train", NoData())[3]
    conversation = written[3]
    assert (conversation.id, conversation.messages) == ("3", dataset.prompt(question))
    assert (conversation.completion, conversation.question) == ("6", "3")
    task = TrainTask(**common, data=tmp_path, output=tmp_path)
    method.train(task)
    assert trained == [task]


def test_the_documented_benchmark_is_a_task_of_lm_eval() -> None:
    import importlib.util
    from pathlib import Path

    copa = documented_record("forget_benchmarks")
    assert (copa.metric, copa.chance, copa.items) == ("acc", 0.5, 100)
    [task] = copa.tasks
    assert task == TaskFile(name="copa", path="super_glue/copa/default.yaml")
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "tasks" / task.path).read_text()
    assert "task: copa" in text
    assert f"metric: {copa.metric}" in text
