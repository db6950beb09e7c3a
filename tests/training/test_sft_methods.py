"""GT-, SF- and CF-SFT: one loop to the letter, and what of their data is in the loss."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.method import Method, PrepareTask, TrainTask
from forget.plugins import load_plugins
from forget.teacher import TeacherPrompt
from forget.training import TrajectorySettings, read_examples
from forget.training.supervised import _encode_all
from forget_methods.cf_sft import CfSft
from forget_methods.gt_sft import GtSft
from forget_methods.sf_sft import SfSft
from training.test_masking import qwen3
from training.trajectories.conftest import Graded, NoData, Scripted, number, says

METHODS: dict[str, Method] = {method.name: method for method in (GtSft(), SfSft(), CfSft())}


def thinks_and_answers(index: int, prompt: TeacherPrompt) -> Any:
    n = number(prompt)
    return says(f"<think>\n{n} twice?\n</think>\n\nIt makes {2 * n}")


@pytest.fixture(params=["chatml", "qwen3"])
def student(request: pytest.FixtureRequest, tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with a plain chat template and with Qwen3's."""
    folder = tmp_path / "student"
    shutil.copytree(tiny_model, folder)
    if request.param == "qwen3":
        (folder / "chat_template.jinja").write_text(qwen3())
    return folder


@pytest.fixture
def prepared(student: Path, tmp_path: Path) -> Callable[..., TrainTask]:
    def make(method: Method, **changes: Any) -> TrainTask:
        settings = TrajectorySettings(**{"samples": 1, "max_length": 128, **changes})
        task = PrepareTask(
            dataset=Graded(),
            data=NoData(),
            model=student,
            settings=settings,
            seed=0,
            output=tmp_path / method.name / "data",
            teacher=Scripted(thinks_and_answers) if method.needs.teacher else None,
        )
        method.prepare(task)
        return TrainTask(
            dataset=task.dataset,
            model=student,
            data=task.output,
            output=tmp_path / method.name,
            settings=settings,
            seed=0,
        )

    return make


def decoded(task: TrainTask) -> list[tuple[str, str]]:
    """Return what of every training row is outside the loss and what is in it, as text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(task.model)
    found = []
    for row in _encode_all(task):
        pairs = list(zip(row.input_ids, row.labels, strict=True))
        assert all(label in (token, -100) for token, label in pairs)
        outside = tokenizer.decode([token for token, label in pairs if label == -100])
        inside = tokenizer.decode([token for token, label in pairs if label != -100])
        assert tokenizer.decode(list(row.input_ids)) == outside + inside  # one border, nothing cut
        found.append((outside, inside))
    return found


@pytest.mark.parametrize("name", METHODS)
def test_prompt_and_thinking_block_are_masked_answer_and_end_are_not(
    prepared: Callable[..., TrainTask], name: str
) -> None:
    task = prepared(METHODS[name])
    examples = task.dataset.load("train", NoData())
    rows = decoded(task)
    assert len(rows) == len(examples) == 12
    thinking = "<think>" in (task.model / "chat_template.jinja").read_text()
    block = "<think>\n\n</think>\n\n" if thinking else ""
    for example, (outside, inside) in zip(examples, rows, strict=True):
        n = int(example.id.split("-")[1])
        answer = example.solution if name == "gt-sft" else f"It makes {2 * n}"
        assert inside == f"{answer}<|im_end|>"
        assert outside == (
            "<|im_start|>system\nAdd.<|im_end|>\n"
            f"<|im_start|>user\n{example.question}<|im_end|>\n<|im_start|>assistant\n{block}"
        )


@pytest.mark.parametrize("name", ["sf-sft", "cf-sft"])
def test_thoughts_that_are_kept_are_in_the_loss(
    prepared: Callable[..., TrainTask], name: str
) -> None:
    task = prepared(METHODS[name], thoughts="keep")
    for n, (outside, inside) in enumerate(decoded(task)):
        assert outside.endswith("<|im_start|>assistant\n")
        assert inside == f"<think>\n{n} twice?\n</think>\n\nIt makes {2 * n}<|im_end|>"


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_cut_and_what_is_dropped_is_counted(
    prepared: Callable[..., TrainTask], name: str
) -> None:
    from forget.store.manifest import read_manifest

    whole = prepared(METHODS[name])
    longest = max(len(row.input_ids) for row in _encode_all(whole))
    shutil.rmtree(whole.data)
    task = prepared(METHODS[name], max_length=longest - 1)
    rows = _encode_all(task)
    assert 0 < len(rows) < 12
    assert all(len(row.input_ids) < longest for row in rows)
    assert all(inside.endswith("<|im_end|>") for _, inside in decoded(task))
    manifest = read_manifest(task.data)
    assert manifest is not None
    told = manifest.details
    if name == "gt-sft":
        assert told["dropped_long"] == 12 - len(rows)
    else:
        assert told["trajectories"]["too_long_questions"] == 12 - len(rows)


@pytest.mark.slow
def test_on_the_same_data_the_three_train_to_the_same_bytes(
    tiny_model: Path, tmp_path: Path
) -> None:
    """One loop to the letter: the weights and the curve are equal, byte by byte."""
    settings = TrajectorySettings(
        lr=1e-2, max_steps=3, batch_size=4, micro_batch_size=2, max_length=128
    )
    data = tmp_path / "data"
    common = {"dataset": Graded(), "model": tiny_model, "settings": settings, "seed": 0}
    GtSft().prepare(PrepareTask(**common, data=NoData(), output=data))
    assert len(read_examples(data)) == 12
    found = {}
    for name, method in METHODS.items():
        task = TrainTask(**common, data=data, output=tmp_path / name)
        method.train(task)
        weights = task.output / "checkpoints" / "step-000003" / "model.safetensors"
        found[name] = (weights.read_bytes(), (task.output / "metrics.jsonl").read_bytes())
    assert found["gt-sft"] == found["sf-sft"] == found["cf-sft"]


def test_they_are_installed_and_say_what_they_need() -> None:
    installed = load_plugins().all("methods")
    needs = {name: installed[name].record.needs for name in METHODS}
    assert [needs[name].teacher for name in METHODS] == [None, "same-family", "cross-family"]
    assert attrs.asdict(needs["sf-sft"])["verifier"]
