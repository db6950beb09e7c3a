"""What is measured on: which prompts, what the base writes, when it is made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.inference.loading import load_tokenizer
from forget.method import TrainingSettings
from forget.settings import training_identity
from forget.store.manifest import read_manifest
from forget.testing.workbench import content
from forget.training import Conversation, train_supervised, write_examples
from forget.training.drift.probe import choose_prompts, obtain_probe
from forget.training.plan import training_digest
from training.drift.conftest import Make, loaded, probed


def chosen(task: Any, count: int) -> list[str]:
    return [prompt.text for prompt in choose_prompts(task, load_tokenizer(task.model), count)]


def test_it_is_no_part_of_what_is_trained() -> None:
    none, many = TrainingSettings(drift_prompts=0), TrainingSettings(drift_prompts=64)
    assert "drift_prompts" not in training_identity(many)
    assert training_digest(none, 0, "d") == training_digest(many, 0, "d")


def test_prompts_are_drawn_by_the_seed_each_once(train_task: Make) -> None:
    task = train_task()
    some = chosen(task, 5)
    assert len(set(some)) == 5
    assert chosen(task, 5) == some
    assert chosen(task, 8)[:5] == some
    assert len(set(chosen(task, 1000))) == 22
    assert chosen(attrs.evolve(task, seed=8), 5) != some


def test_methods_with_much_the_same_questions_are_measured_on_much_the_same(
    train_task: Make, prepare_task: Make, tmp_path: Path
) -> None:
    """Other data: fewer questions, two completions each, in another order."""
    task = train_task()
    prepared: Any = attrs.evolve(prepare_task(), output=tmp_path / "others")
    sums = prepared.dataset
    questions = [e for e in sums.load("train", prepared.data) if e.id != "train-3"]
    conversations = [
        Conversation(f"{e.id}-{k}", sums.prompt(e), f"{k}", question=e.id)
        for k in (0, 1)
        for e in reversed(questions)
    ]
    write_examples(prepared, conversations)
    others = chosen(attrs.evolve(task, data=prepared.output), 22)
    assert others == [text for text in chosen(task, 22) if "What is 3 + 3?" not in text]


@pytest.mark.slow
def test_the_base_writes_from_its_whole_distribution(train_task: Make) -> None:
    probe = probed(train_task(drift_prompts=20))
    assert len(probe.asked) == 20
    lengths = {item.positions for item in probe.asked}
    assert max(lengths) <= 64
    tokenizer = load_tokenizer(train_task().model)
    for item in probe.asked:
        assert tokenizer.eos_token_id not in item.completion
        assert item.finished or item.positions == 64
    # A random model of 400 tokens ends one completion in seven: both kinds are there.
    assert {item.finished for item in probe.asked} == {True, False}


def test_tokens_come_as_often_as_the_base_says(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First tokens of 400 draws for one prompt: the mean log-probability is minus the entropy."""
    import torch

    from forget.training.drift import making

    monkeypatch.setattr(making, "LENGTH", 2)
    task = train_task()
    base, tokenizer = loaded(task), load_tokenizer(task.model)
    [prompt] = choose_prompts(task, tokenizer, 1)
    drawn = []
    for seed in range(25):
        names = [prompt._replace(text=f"{prompt.text}{k}") for k in range(16)]
        drawn += [item.completion[:1] for item in making._ask(base, tokenizer, names, seed)]
    with torch.no_grad():
        log_p_V = base(torch.tensor([prompt.ids])).logits[0, -1].log_softmax(-1)
    found = torch.tensor([log_p_V[tokens[0]].item() for tokens in drawn if tokens])
    p_V = log_p_V.exp()
    p_V[tokenizer.eos_token_id] = 0  # it ends a completion, which then has no first token
    p_V /= p_V.sum()
    mean = (p_V * log_p_V).sum()
    deviation = ((p_V * (log_p_V - mean) ** 2).sum() / len(found)).sqrt()
    assert abs(found.mean() - mean) < 4 * deviation


@pytest.mark.slow
def test_it_is_made_once_and_again_if_it_is_damaged(train_task: Make) -> None:
    task = train_task(drift_prompts=3)
    probe = probed(task)
    before = content(probe.folder)
    times = {path: path.stat().st_mtime_ns for path in probe.folder.iterdir()}
    assert probed(task) == probe
    assert {path: path.stat().st_mtime_ns for path in probe.folder.iterdir()} == times
    (probe.folder / "base.safetensors").write_bytes(b"damaged")
    assert probed(task) == probe
    assert content(probe.folder) == before


@pytest.mark.slow
def test_another_training_or_number_of_prompts_is_measured_on_its_own(train_task: Make) -> None:
    task = train_task(drift_prompts=3)
    assert len(probed(task).asked) == 3
    more = attrs.evolve(task, settings=attrs.evolve(task.settings, drift_prompts=5))
    assert len(probed(more).asked) == 5
    other = obtain_probe(more, "another training")
    assert other is not None
    manifest = read_manifest(other.folder)
    assert manifest is not None
    assert manifest.details["training"] == "another training"


class Notes:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def task(self, description: str, total: int | None) -> Any:
        from forget.progress import Silent

        return Silent().task(description, total)

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.slow
@pytest.mark.parametrize("why", ["prompts that fill the window", "data of another form"])
def test_without_a_prompt_it_trains_and_says_so(
    train_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    task = train_task(drift_prompts=3, max_steps=2)
    notes = Notes()
    if why == "prompts that fill the window":
        monkeypatch.setattr("forget.training.drift.probe.context_window", lambda *_: 70)
    else:
        monkeypatch.setattr("forget.training.drift.probe.DATA_FILE", "other.parquet")
    train_supervised(attrs.evolve(task, progress=notes))
    assert (task.output / "checkpoints" / "step-000002").is_dir()
    assert not (task.output / "drift.jsonl").exists()
    [said] = [text for text in notes.said if "distance from the base" in text]
    assert "is not measured" in said
