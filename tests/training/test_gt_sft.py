from __future__ import annotations

from collections.abc import Callable

from forget.method import Method, PrepareTask, SupervisedSettings
from forget.training import read_examples
from forget_methods.gt_sft import GtSft, forget_methods


def test_the_hook_yields_the_method() -> None:
    (method,) = forget_methods()
    assert isinstance(method, Method)
    assert (method.name, method.settings) == ("gt-sft", SupervisedSettings)
    assert method.needs.teacher is None


def test_ground_truth_is_the_solution(prepare_task: Callable[..., PrepareTask]) -> None:
    task = prepare_task()
    GtSft().prepare(task)
    examples = task.dataset.load("train", task.data)
    found = read_examples(task.output)
    assert [c.id for c in found] == [e.id for e in examples]
    assert [c.completion for c in found] == [e.solution for e in examples]
    assert found[0].messages == task.dataset.prompt(examples[0])
