"""FLOW and selective token masking: closed forms, what is trained on, what is kept and refused."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import attrs
import pytest

from forget.errors import SettingsError, StorageError, WorkError
from forget.method import SupervisedSettings, TrainTask
from forget.store.manifest import read_manifest
from forget.testing.workbench import content
from forget.training import read_examples, reference, train_supervised
from forget.training.plan import data_order, make_schedule
from forget.training.replay import ReplaySource, write_replay
from forget.training.supervised import Row, _encode_all
from forget.training.token_weights import effective_size, flow_weights, masked, weigh_rows
from training.conftest import base_of, token_log_probs
from training.test_replay import CHATS, chats
from training.test_resume import full_system, interrupted
from training.test_supervised import curve

Make = Callable[..., TrainTask]

ABOUT_HALF = 5e5
"""A perplexity that about half of the completion tokens have under the decided model."""

ONE_STEP: dict[str, Any] = {"max_steps": 1, "log_every": 1, "warmup": 0.0}


class Notes:
    """Progress that remembers what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def task(self, description: str, total: int | None) -> Any:
        from contextlib import nullcontext

        return nullcontext(lambda steps, detail="": None)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def decided_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with large embeddings: its losses and perplexities are far from each other."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("decided") / "model"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"] *= 20
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def task(train_task: Make, decided_model: Path) -> Make:
    """A task of the decided model."""

    def make(output: str = "run", **changes: Any) -> TrainTask:
        own = {k: changes.pop(k) for k in list(changes) if k.startswith(("flow", "stm", "replay"))}
        plain = train_task(output, **changes)
        settings = SupervisedSettings(**attrs.asdict(plain.settings), **own)
        return attrs.evolve(plain, settings=settings, model=decided_model)

    return make


def scores_of(task: TrainTask, rows: list[Row]) -> list[list[float]]:
    import torch

    with torch.no_grad():
        model = base_of(task)
        return [token_log_probs(model, row).tolist() for row in rows]


# --- the arithmetic


def test_weights_are_exponential_in_the_loss_and_one_on_average() -> None:
    losses, tokens = [0.5, 1.0, 3.0], [10, 20, 5]
    weights = flow_weights(losses, tokens, 2.0)
    assert sum(w * n for w, n in zip(weights, tokens, strict=True)) == pytest.approx(35)
    assert weights[1] / weights[0] == pytest.approx(math.exp(-0.25))
    assert weights[2] / weights[0] == pytest.approx(math.exp(-1.25))
    assert flow_weights(losses, tokens, math.inf) == [1, 1, 1]
    assert flow_weights([loss + 1e5 for loss in losses], tokens, 1e-3)[0] == pytest.approx(3.5)


def test_what_is_above_the_threshold_is_masked_and_what_equals_it_is_not() -> None:
    scores = [math.log(p) for p in (0.5, 0.41, 0.4, 0.39, 1.0)]
    labels = [-100, -100, 5, 6, 7, 8, 9]
    assert masked(labels, scores, 2.5) == [-100, -100, 5, 6, 7, -100, 9]
    assert masked(labels, scores, 1.0) == [-100] * 6 + [9]
    assert masked(labels, scores, math.inf) == labels


def test_uneven_weights_are_as_few_equal_ones() -> None:
    assert effective_size([2.0] * 7) == pytest.approx(7)
    assert effective_size([1.0, 0.0, 0.0]) == 1
    assert effective_size([3.0, 1.0]) == pytest.approx(1.6)


# --- what is trained on


@pytest.mark.slow
def test_the_loss_of_a_step_is_that_of_the_closed_form(task: Make) -> None:
    """sum_i w_i sum_t m_it nll_it / sum_it m_it, with all quantities from the bare model."""
    plain = task()
    rows = _encode_all(plain)
    scores = scores_of(plain, rows)
    tau = median(-sum(s) / len(s) for s in scores)
    threshold = math.exp(-median(score for row in scores for score in row))
    made = task("made", flow=True, stm_perplexity=threshold, micro_batch_size=1, **ONE_STEP)
    train_supervised(made)

    used = data_order(make_schedule(made.settings, len(rows)), made.seed)
    some = [scores[index] for index in sorted(used)]
    left = {i: [s for s in scores[i] if s >= -math.log(threshold)] for i in used}
    losses = {i: -sum(scores[i]) / len(scores[i]) for i in used}
    tau = median(losses.values())
    raw = {i: math.exp(-losses[i] / tau) for i in used}
    tokens = sum(len(left[i]) for i in used)
    mean = sum(raw[i] * len(left[i]) for i in used) / tokens
    expected = -sum(raw[i] / mean * sum(left[i]) for i in used) / tokens
    assert 0 < tokens < sum(map(len, some))
    [point] = curve(made)
    assert point["loss"] == pytest.approx(expected, rel=1e-5)
    assert point["tokens"] == tokens


@pytest.mark.slow
def test_equal_weights_and_no_mask_are_the_loss_without_them(task: Make) -> None:
    plain = task("plain", max_steps=4, log_every=1)
    even = task("even", max_steps=4, log_every=1, flow=True, flow_temperature=math.inf)
    loose = task("loose", max_steps=4, log_every=1, stm_perplexity=math.inf)
    for made in (plain, even, loose):
        train_supervised(made)
    for one, other, third in zip(*map(curve, (plain, even, loose)), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["loss"] == pytest.approx(third["loss"], rel=1e-4)
        assert one["tokens"] == other["tokens"] == third["tokens"]


def test_what_is_in_the_loss_is_what_the_base_finds_likely(task: Make, tokenizer: Any) -> None:
    """Each token that is left decodes to one of the completion, in its order."""
    made = task()
    rows = _encode_all(made)
    scores = scores_of(made, rows)
    threshold = math.exp(-median(score for row in scores for score in row))
    weighed = weigh_rows(attrs.evolve(made, settings=stm(made, threshold)), rows, "t")
    for row, before, known, item in zip(
        weighed, rows, scores, read_examples(made.data), strict=True
    ):
        completion = [label for label in before.labels if label != -100]
        assert tokenizer.decode(completion) == f"{item.completion}<|im_end|>"
        likely = [t for t, s in zip(completion, known, strict=True) if s >= -math.log(threshold)]
        assert [label for label in row.labels if label != -100] == likely
        assert row.input_ids == before.input_ids  # the context stays


def stm(task: TrainTask, threshold: float) -> SupervisedSettings:
    return attrs.evolve(task.settings, stm_perplexity=threshold)


@pytest.mark.slow
def test_replayed_examples_keep_their_weight_and_their_tokens(
    task: Make, prepare_task: Any, tmp_path: Path
) -> None:
    path = chats(tmp_path, CHATS)
    made = task(
        flow=True, stm_perplexity=ABOUT_HALF, replay=0.25, replay_from=str(path), **ONE_STEP
    )
    replay = tmp_path / "replay"
    prepared = attrs.evolve(prepare_task(), settings=made.settings, output=replay)
    write_replay(prepared, ReplaySource(str(path)), own=made.data)
    made = attrs.evolve(made, replay=replay)
    train_supervised(made)

    rows = _encode_all(made)
    schedule = make_schedule(made.settings, 22, len(rows) - 22)
    own, replayed = (
        [i for i in data_order(schedule, made.seed) if (i >= 22) is later]
        for later in (False, True)
    )
    assert (len(own), len(replayed)) == (3, 1)
    weighed = weigh_rows(made, [rows[i] for i in sorted(own)], "t")
    batch = [*weighed, rows[replayed[0]]]
    model = base_of(made)
    loss = -sum(row.weight * token_log_probs(model, row).sum().item() for row in batch)
    [point] = curve(made)
    assert point["loss"] == pytest.approx(loss / sum(row.tokens for row in batch), rel=1e-5)


@pytest.mark.slow
def test_a_batch_without_tokens_is_a_step_without_a_gradient(task: Make) -> None:
    """Examples that lose all tokens stay in their places, so steps are what they were."""
    alone = {"batch_size": 1, "micro_batch_size": 1, "max_steps": 8, "log_every": 1}
    rows = _encode_all(task())
    scores = scores_of(task(), rows)
    best = sorted(max(tokens) for tokens in scores)
    threshold = math.exp(-best[len(best) // 2])
    made = task("made", stm_perplexity=threshold, checkpoint_every=100, **alone)
    train_supervised(made)
    order = data_order(make_schedule(made.settings, len(rows)), made.seed)
    empty = [max(scores[index]) < -math.log(threshold) for index in order]
    assert {True, False} == set(empty)
    assert [point["loss"] == 0 for point in curve(made)] == empty
    assert [point["grad_norm"] == 0 for point in curve(made)] == empty


# --- what is kept and told


@pytest.mark.slow
def test_what_was_made_of_the_scores_is_told(task: Make) -> None:
    made = task(flow=True, stm_perplexity=ABOUT_HALF, **ONE_STEP)
    notes = Notes()
    train_supervised(attrs.evolve(made, progress=notes))
    folder = made.output / "base-scores"
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.kind == "base-scores"
    stm, flow = manifest.details["stm"], manifest.details["flow"]
    assert manifest.details["rows"] == 4  # a step of four is all that this training comes to
    assert stm["masked_tokens"] == pytest.approx(stm["masked_share"] * stm["tokens"])
    assert 0 < stm["masked_share"] < 1
    assert 1 < flow["effective_rows"] < 4
    assert flow["least_weight"] < 1 < flow["greatest_weight"]
    masked, weighted = notes.notes
    assert masked.startswith(f"{100 * stm['masked_share']:.1f} % of {stm['tokens']} completion")
    assert f"as uneven as {flow['effective_rows']:.1f} equal ones" in weighted


@pytest.mark.slow
def test_the_base_is_asked_once_and_again_for_what_was_changed(
    task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(task: TrainTask, model: Path | None, rows: Any) -> Any:
        assert model is None
        asked.append(len(rows))
        return reference.token_log_probs(task, model, rows)

    monkeypatch.setattr("forget.training.token_weights.token_log_probs", counted)
    made = task(flow=True, max_steps=7)
    interrupted(made, lambda name: name == "step-000003")
    train_supervised(made)
    train_supervised(made)
    assert asked == [21]  # seven steps of four come to so many of the 22

    rows = _encode_all(made)
    first = weigh_rows(made, rows, "t")
    assert weigh_rows(made, rows, "t") == first
    assert asked == [21, 22]
    [file] = (made.output / "base-scores").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert weigh_rows(made, rows, "t") == first
    weigh_rows(made, rows[:5], "t")
    assert asked == [21, 22, 22, 5]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"lora_rank": 2}], ids=["full", "lora"])
def test_an_interruption_leaves_no_trace(task: Make, changes: dict[str, Any]) -> None:
    settings = {"flow": True, "stm_perplexity": ABOUT_HALF, "max_steps": 7, **changes}
    calm, shaken = task("calm", **settings), task("shaken", **settings)
    train_supervised(calm)
    for step in ("step-000003", "step-000006"):
        interrupted(shaken, lambda name, step=step: name == step)  # type: ignore[misc]
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


@pytest.mark.slow
def test_adapters_start_with_the_scores_of_the_base(task: Make) -> None:
    whole = task("whole", flow=True, **ONE_STEP)
    lora = task("lora", flow=True, lora_rank=4, **ONE_STEP)
    for made in (whole, lora):
        train_supervised(made)
    one, other = (read_manifest(made.output / "base-scores") for made in (whole, lora))
    assert one is not None
    assert other is not None
    assert one.details["flow"] == pytest.approx(other.details["flow"], rel=1e-6)


# --- what is refused


def test_nothing_left_is_refused(task: Make) -> None:
    made = task(stm_perplexity=1.0)
    with pytest.raises(WorkError) as failure:
        train_supervised(made)
    said = str(failure.value)
    assert said.startswith("stm_perplexity=1 leaves nothing to learn")
    assert "the least of them 1." in said
    assert str(made.output) in said
    assert not (made.output / "checkpoints").exists()


def test_a_base_that_is_certain_has_no_median_to_divide_by(
    task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "forget.training.token_weights.token_log_probs",
        lambda task, model, rows: [[0.0] * row.tokens for row in rows],
    )
    with pytest.raises(WorkError, match=r"it is 0: the base model is certain .* flow_temperature"):
        train_supervised(task(flow=True))


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_of_the_scores(
    task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = task(flow=True, **ONE_STEP)
    with monkeypatch.context() as patch:
        patch.setattr("forget.training.token_weights.seal", full_system)
        with pytest.raises(StorageError, match="disk is full"):
            train_supervised(made)
    assert list(made.output.iterdir()) == []
    train_supervised(made)
    assert (made.output / "checkpoints" / "step-000001").exists()


def test_a_temperature_of_nothing_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"flow_temperature=0\.5 means nothing without flow=true"
    ):
        SupervisedSettings(flow_temperature=0.5)
