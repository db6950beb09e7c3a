"""Sweeps by the real engines: broken off, continued, swapped, damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from evaluation.sweeping import (
    CPU,
    DIGEST,
    Interrupted,
    content,
    killed,
    raise_score,
    run,
)
from forget.errors import WorkError
from forget.evaluation.exam import Exam
from forget.evaluation.items import read_items
from forget.evaluation.stock import StockEngine
from forget.evaluation.sweep import Sweep
from forget.inference.builtin import BuiltinEngine, BuiltinModel
from forget.inference.engine import Complete, Engine, Request, Work
from forget.inference.loading import load_model
from forget.inference.machine import Machine
from forget.inference.weights import model_digest
from forget.progress import Silent
from forget.store.layout import Workspace

pytestmark = pytest.mark.slow

ENGINES: dict[str, Callable[[], Engine]] = {
    "stock": lambda: StockEngine(CPU, batch_size=1),
    "builtin": lambda: BuiltinEngine(CPU, nodes=300, written=60),
}
"""With batches so small that every exam has several."""


@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
def test_it_continues_to_the_same_items(
    real_exams: list[Exam],
    workspace: Workspace,
    wide_model: Path,
    tmp_path: Path,
    make: Callable[[], Engine],
) -> None:
    """Killed before every batch in turn; the last attempt must find what an undisturbed run does.

    Each attempt loads the model again, as a process that was started anew does.
    """
    calm = Workspace(tmp_path / "calm")
    expected = run(Sweep(calm, make(), real_exams), wide_model)
    batches = sum(_batches(make(), exam, wide_model) for exam in real_exams)
    assert batches > 6
    for _ in range(batches - 1):
        killed(Sweep(workspace, Interrupted(make(), granted=1), real_exams), wide_model)
    last = Interrupted(make(), granted=99)
    found = run(Sweep(workspace, last, real_exams), wide_model)
    assert last.asked == 1
    assert [e.score for e in found] == [e.score for e in expected]
    assert content(workspace.root) == content(calm.root)


def _batches(engine: Engine, exam: Exam, model: Path) -> int:
    return len(engine.prepare(exam.requests(model), model).batches)


@pytest.mark.parametrize("engine", [StockEngine(CPU), BuiltinEngine(CPU)], ids=ENGINES)
def test_answers_are_whole(
    real_exams: list[Exam], workspace: Workspace, wide_model: Path, engine: Engine
) -> None:
    likelihoods, texts, task = run(Sweep(workspace, engine, real_exams), wide_model)
    for item in read_items(likelihoods.items_file):
        assert len({log_p for log_p, _ in item.response}) == len(item.response) == 4
        assert max(log_p for log_p, _ in item.response) < 0
    assert len({item.response[0] for item in read_items(texts.items_file)}) == 6
    assert len({item.response[0] for item in read_items(task.items_file)}) > 1
    assert task.details["truncation_rate"] == 1.0
    assert task.details["response_tokens"] == 6.0
    assert 0 < task.details["distinct_2"] <= 1
    assert likelihoods.details["calibration_error"] > 0
    assert texts.details["response_tokens"] > 0


# --- a base and its checkpoints


@attrs.define
class Family:
    """A base and four checkpoints: the same files, other weights.

    Attributes:
        folders: The base first.
    """

    folders: list[Path]

    def sweep(self, workspace: Workspace, engine: Engine, exams: Sequence[Exam]) -> None:
        sweep = Sweep(workspace, engine, exams)
        for folder in self.folders:
            sweep.run(folder, model_digest(folder), folder.name, Silent())

    def one_by_one(self, workspace: Workspace, exams: Sequence[Exam]) -> None:
        """Evaluate each by an engine that has met no other."""
        for folder in self.folders:
            run(Sweep(workspace, BuiltinEngine(CPU), exams), folder, model_digest(folder))


@pytest.fixture
def family(wide_model: Path, make_checkpoints: Callable[..., list[Path]]) -> Family:
    return Family([wide_model, *make_checkpoints(wide_model, 4)])


class Counting(BuiltinEngine):
    """Counts what is prepared and which folders are loaded."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.prepared: list[int] = []
        self.loads: list[Path] = []

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        self.prepared.append(len(requests))
        return super().prepare(requests, folder)

    def load(self, folder: Path) -> BuiltinModel:
        self.loads.append(folder)
        return super().load(folder)


@pytest.fixture
def from_scratch(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were loaded as a whole, rather than exchanged for another's weights."""
    from forget.inference import swapping

    found: list[Path] = []
    load_model = swapping.load_model

    def watch(folder: Path, *rest: Any) -> Any:
        found.append(folder)
        return load_model(folder, *rest)

    monkeypatch.setattr(swapping, "load_model", watch)
    return found


def test_a_sweep_prepares_and_loads_once(
    family: Family, real_exams: list[Exam], workspace: Workspace, from_scratch: list[Path]
) -> None:
    engine = Counting()
    family.sweep(workspace, engine, real_exams)
    asked = [len(exam.requests(family.folders[0])) for exam in real_exams]
    assert engine.prepared == asked
    assert engine.loads == family.folders
    assert from_scratch == family.folders[:1]
    scores = {path.read_bytes() for path in workspace.root.rglob("items.parquet")}
    assert len(scores) >= 2 * 5  # a text may stay the same under other weights, a number may not
    family.sweep(workspace, engine, real_exams)
    assert (engine.prepared, engine.loads) == (asked, family.folders)


def test_the_notes_of_a_trainer_are_not_the_tokenizers(
    family: Family, real_exams: list[Exam], workspace: Workspace, from_scratch: list[Path]
) -> None:
    """What transformers' trainer keeps in a checkpoint differs between all of them."""
    for step, folder in enumerate(family.folders[1:], start=1):
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    engine = Counting()
    family.sweep(workspace, engine, real_exams)
    assert len(engine.prepared) == len(real_exams)
    assert from_scratch == family.folders[:1]


def test_a_checkpoint_is_scored_as_if_it_were_alone(
    family: Family, real_exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    """Nothing of the models before it is left in the one whose weights were exchanged."""
    alone = Workspace(tmp_path / "alone")
    family.one_by_one(alone, real_exams)
    family.sweep(workspace, BuiltinEngine(CPU), real_exams)
    assert content(workspace.root) == content(alone.root)


@pytest.mark.parametrize("whose", ["model", "tokenizer"])
def test_a_checkpoint_ends_its_texts_as_it_says_itself(
    family: Family,
    real_exams: list[Exam],
    workspace: Workspace,
    tmp_path: Path,
    whose: str,
) -> None:
    """Fine-tuning for chat changes what ends a turn; the base's end is not the checkpoint's."""
    alone = Workspace(tmp_path / "alone")
    texts = real_exams[2:]
    changed = family.folders[2]
    end, name = written_first(changed, texts[0])
    if whose == "model":
        change(changed / "generation_config.json", eos_token_id=[end])
    else:
        change(changed / "tokenizer_config.json", eos_token=name)
    family.one_by_one(alone, texts)
    (before,) = Sweep(alone, BuiltinEngine(CPU), texts).results(model_digest(changed))
    assert before.details["truncation_rate"] < 1
    family.sweep(workspace, BuiltinEngine(CPU), texts)
    assert content(workspace.root) == content(alone.root)


def written_first(folder: Path, exam: Exam) -> tuple[int, str]:
    """Return the token that a model begins its first answer with."""
    import torch

    (first, *_) = exam.requests(folder)
    assert isinstance(first, Complete)
    model, tokenizer = load_model(folder, CPU)
    with torch.inference_mode():
        ids = tokenizer(first.prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        token = int(model(ids).logits[0, -1].argmax())
    return token, tokenizer.convert_ids_to_tokens(token)


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_a_checkpoint_without_numbers_is_refused_and_spoils_nothing(
    family: Family, real_exams: list[Exam], workspace: Workspace, tmp_path: Path
) -> None:
    alone = Workspace(tmp_path / "alone")
    base, diverged, *rest = family.folders
    spoil(diverged)
    family.folders = [base, *rest]
    family.one_by_one(alone, real_exams[:1])
    engine = BuiltinEngine(CPU)
    family.folders = [base]
    family.sweep(workspace, engine, real_exams[:1])
    family.folders = [diverged]
    with pytest.raises(WorkError, match=r"weights in .* that are no numbers") as caught:
        family.sweep(workspace, engine, real_exams[:1])
    assert str(diverged) in str(caught.value)
    family.folders = rest
    family.sweep(workspace, engine, real_exams[:1])
    assert content(workspace.root) == content(alone.root)


def spoil(folder: Path) -> None:
    """Have one number of the weights be none, as after a training that diverged."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values())).view(-1)[3] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("make", [StockEngine, BuiltinEngine])
def test_an_adapter_is_scored_as_its_base_with_the_adapter_merged(
    wide_model: Path,
    real_exams: list[Exam],
    workspace: Workspace,
    tmp_path: Path,
    make: Callable[[Machine], Engine],
) -> None:
    adapter, merged = make_adapter(wide_model, tmp_path)
    sweep = Sweep(workspace, make(CPU), real_exams)
    found = [run(sweep, folder, model_digest(folder)) for folder in (wide_model, adapter, merged)]
    of_base, of_adapter, of_merged = (
        [evaluation.items_file.read_bytes() for evaluation in evaluations] for evaluations in found
    )
    assert of_adapter == of_merged
    assert of_adapter[0] != of_base[0]


def make_adapter(base: Path, place: Path) -> tuple[Path, Path]:
    """Write a LoRA adapter, as peft and a trainer leave it, and the model it makes of its base."""
    import torch
    from peft import LoraConfig, get_peft_model

    adapter, merged = place / "adapter", place / "merged"
    loaded = load_model(base, CPU)
    torch.manual_seed(1)
    wanted = LoraConfig(
        r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False
    )
    model = get_peft_model(loaded.model, wanted)
    model.save_pretrained(adapter)
    model.merge_and_unload().save_pretrained(merged)
    for folder in (adapter, merged):
        loaded.tokenizer.save_pretrained(folder)
    return adapter, merged


# --- damage


@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("index", [0, 1, 2], ids=["likelihoods", "texts", "completions"])
def test_a_real_engine_computes_the_changed_one_again_and_no_other(
    real_exams: list[Exam],
    workspace: Workspace,
    wide_model: Path,
    make: Callable[[], Engine],
    index: int,
) -> None:
    first = run(Sweep(workspace, make(), real_exams), wide_model)
    before = content(workspace.root)
    raise_score(first[index].folder)
    again = Interrupted(make(), granted=99)
    assert run(Sweep(workspace, again, real_exams), wide_model) == first
    assert again.asked == _batches(make(), real_exams[index], wide_model)
    assert content(workspace.root) == before


@pytest.fixture
def damaged_model(wide_model: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "diverged"
    shutil.copytree(wide_model, folder)
    spoil(folder)
    return folder


@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("index", [0, 1, 2], ids=["likelihoods", "texts", "completions"])
def test_weights_that_are_no_numbers_are_no_score(
    real_exams: list[Exam],
    workspace: Workspace,
    damaged_model: Path,
    make: Callable[[], Engine],
    index: int,
) -> None:
    sweep = Sweep(workspace, make(), [real_exams[index]])
    with pytest.raises(WorkError) as caught:
        run(sweep, damaged_model)
    assert str(damaged_model) in str(caught.value)
    assert list(sweep.results(DIGEST)) == []
    assert list(workspace.root.rglob("manifest.json")) == []
