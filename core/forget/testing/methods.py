"""The contract of methods as tests: subclass `MethodConformance` and name the method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from forget.dataset import DataAccess, Example
from forget.errors import DataError, FrozenRunError, RequestError
from forget.method import Method, Needs, TrainingSettings
from forget.store.layout import checkpoint_name
from forget.store.manifest import verify
from forget.testing.claims import check_names, check_settings, heeds_deprecations
from forget.testing.sums import Graded, NoData
from forget.testing.workbench import Workbench, content
from forget.training.length import Foreseeable

__all__ = ["MethodConformance"]

full_and_lora = pytest.mark.parametrize("lora_rank", [0, 2], ids=["full", "lora"])


class Twins(Graded):
    """Every example twice."""

    def load(self, split: str, data: DataAccess) -> list[Example]:
        """Return them."""
        return [example for example in super().load(split, data) for _ in range(2)]


@heeds_deprecations
class MethodConformance:
    """What every method must do, on a model of a few thousand weights.

    Attributes:
        method: The method; a subclass names it.
        changes: Settings that it needs to be tried with, over `workbench.SMALL`.
    """

    method: ClassVar[Method]
    changes: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Method:
        """The method; override it to have several."""
        return cls.method

    @pytest.fixture(scope="class")
    @classmethod
    def workbench(
        cls, subject: Method, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Workbench]:
        """Where it is tried; the tests of a class share it."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for so few weights, several wait for each other
        yield Workbench(subject, tmp_path_factory.mktemp(subject.name), cls.changes)
        torch.set_num_threads(threads)

    # --- what it says of itself

    def test_it_says_what_it_is(self, subject: Method) -> None:
        assert isinstance(subject, Method)
        check_names(subject)
        assert isinstance(subject.paper, str)
        assert isinstance(subject.needs, Needs)

    def test_its_settings_explain_themselves(self, subject: Method) -> None:
        """They are frozen, have defaults, each has its help, and all of training's are there."""
        check_settings(subject.settings, TrainingSettings)

    # --- prepare

    def test_prepare_seals_examples_that_read_back(self, workbench: Workbench) -> None:
        from forget.training import read_examples

        task = workbench.prepared("data-once")
        manifest = verify(task.data)
        assert manifest is not None
        assert manifest.kind == "data"
        examples = read_examples(task.data)
        assert manifest.details["rows"] == len(examples) > 0
        assert len({example.id for example in examples}) == len(examples)

    def test_prepare_is_the_same_for_the_same_task_and_done_once(
        self, workbench: Workbench
    ) -> None:
        one, other = workbench.prepared("data-one"), workbench.prepared("data-other")
        before = content(one.data)
        assert content(other.data) == before
        times = {path: path.stat().st_mtime_ns for path in one.data.iterdir()}
        workbench.prepared("data-one")
        assert {path: path.stat().st_mtime_ns for path in one.data.iterdir()} == times
        assert content(one.data) == before

    @pytest.mark.parametrize("dataset", [Graded(count=0), Twins()], ids=["empty", "equal-ids"])
    def test_prepare_refuses_what_is_no_data(self, workbench: Workbench, dataset: Graded) -> None:
        task = workbench.prepare_task(f"data-{type(dataset).__name__}", dataset=dataset)
        with pytest.raises(RequestError) as failure:
            workbench.method.prepare(task)
        assert str(failure.value)
        assert not task.output.exists()

    # --- train

    @pytest.mark.parametrize("max_steps", [None, 5], ids=["epochs", "steps"])
    def test_it_is_as_long_as_it_said(self, workbench: Workbench, max_steps: int | None) -> None:
        """A method that tells how long its training is makes those checkpoints, or fewer."""
        method = workbench.method
        if not isinstance(method, Foreseeable):
            pytest.skip("it does not tell how long its training is, and need not")
        changes: dict[str, Any] = {"max_steps": max_steps, "epochs": 1.5, "checkpoint_every": 2}
        task = workbench.prepared(f"length-{max_steps}", **changes)
        manifest = verify(task.data)
        assert manifest is not None
        rows = manifest.details["rows"]
        assert rows <= method.most_rows(task.settings, len(task.dataset.load("train", NoData())))
        length = method.length(task.settings, rows)
        assert length.exact or max_steps is None
        made, expected = workbench.train(task).steps, length.checkpoints(2)
        assert len(made) <= len(expected)
        assert made == expected or not length.exact

    @full_and_lora
    def test_checkpoints_are_published_and_announced(
        self, workbench: Workbench, lora_rank: int
    ) -> None:
        """Each once and whole, in their order, at every ``checkpoint_every`` and at the end."""
        training = workbench.calm(lora_rank)
        assert training.whole == [True] * len(training.announced)
        every, last = training.task.settings.checkpoint_every, training.task.settings.max_steps
        assert training.steps == sorted(set(training.steps))
        assert {*range(every, last + 1, every), last} <= set(training.steps)
        assert training.steps[-1] == last
        folder = training.task.output / "checkpoints"
        assert [path for _, path in training.announced] == [
            folder / checkpoint_name(step) for step in training.steps
        ]
        assert sorted(folder.iterdir()) == [path for _, path in training.announced]
        for step, path in training.announced:
            manifest = verify(path)
            assert manifest is not None
            assert (manifest.kind, manifest.details["step"]) == ("checkpoint", step)

    @full_and_lora
    def test_a_checkpoint_is_a_model_that_has_learned(
        self, workbench: Workbench, lora_rank: int
    ) -> None:
        """It loads as any other, with the base's tokenizer, and is another than the base."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        training = workbench.calm(lora_rank)
        last = training.announced[-1][1]
        trained, base = (
            AutoModelForCausalLM.from_pretrained(folder) for folder in (last, workbench.model)
        )
        ids = torch.tensor([[5, 6, 7, 8]])
        with torch.no_grad():
            assert not torch.allclose(trained(ids).logits, base(ids).logits)
        tokenizers = [AutoTokenizer.from_pretrained(f) for f in (last, workbench.model)]
        assert tokenizers[0].get_vocab() == tokenizers[1].get_vocab()
        assert tokenizers[0].chat_template == tokenizers[1].chat_template

    @full_and_lora
    def test_the_curve_goes_forward_to_the_end(self, workbench: Workbench, lora_rank: int) -> None:
        training = workbench.calm(lora_rank)
        steps = [point["step"] for point in training.curve]
        assert steps == sorted(set(steps))
        assert steps[-1] == training.steps[-1]
        assert all(math.isfinite(point["loss"]) for point in training.curve)

    @full_and_lora
    def test_what_it_began_with_is_left_alone(self, workbench: Workbench, lora_rank: int) -> None:
        task = workbench.calm(lora_rank).task
        assert content(workbench.model) == workbench.pristine
        assert verify(task.data) is not None  # by the digests of when it was sealed

    @full_and_lora
    def test_stopped_after_every_checkpoint_it_ends_with_the_same_bytes(
        self, workbench: Workbench, lora_rank: int
    ) -> None:
        """And those that were there already are announced again."""
        calm = workbench.calm(lora_rank)
        task = workbench.prepared(f"shaken-{lora_rank}", lora_rank=lora_rank)
        for step in calm.steps[:-1]:
            workbench.stop(task, after=step)
        training = workbench.train(task)
        assert training.steps == calm.steps
        assert content(task.output) == content(calm.task.output)

    @full_and_lora
    def test_a_second_call_announces_and_does_nothing(
        self, workbench: Workbench, lora_rank: int
    ) -> None:
        calm = workbench.calm(lora_rank)
        before = content(calm.task.output)
        assert workbench.train(calm.task).announced == calm.announced
        assert content(calm.task.output) == before

    def test_another_seed_is_another_training(self, workbench: Workbench) -> None:
        calm = workbench.calm(0)
        other = workbench.train(workbench.prepared("seed", seed=1))
        assert other.steps == calm.steps
        assert _weights(other.announced[-1][1]) != _weights(calm.announced[-1][1])

    def test_another_training_is_refused_in_its_folder(self, workbench: Workbench) -> None:
        calm = workbench.calm(0)
        before = content(calm.task.output)
        changed = attrs.evolve(calm.task.settings, lr=5e-3)
        with pytest.raises(FrozenRunError) as failure:
            workbench.train(attrs.evolve(calm.task, settings=changed))
        assert str(calm.task.output) in str(failure.value)
        assert content(calm.task.output) == before

    def test_without_whole_data_it_does_not_train(self, workbench: Workbench) -> None:
        task = workbench.prepared("data-cut")
        (task.data / "manifest.json").unlink()
        with pytest.raises(DataError) as failure:
            workbench.train(task)
        assert str(task.data) in str(failure.value)
        assert not (task.output / "checkpoints").exists()


def _weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
