from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.errors import WorkError
from forget.method import TrainTask
from forget.store.manifest import read_manifest, verify
from forget.training import read_examples, train_supervised
from forget.training.masking import encode
from forget.training.plan import data_order, make_schedule

Make = Callable[..., TrainTask]


def curve(task: TrainTask) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (task.output / "metrics.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(next(folder.glob("*.safetensors")))


def nll(model: Any, ids: list[int], mask: list[int]) -> Any:
    """Sum of -log p over the completion, one sequence at a time, without padding."""
    import torch

    logits_TV = model(torch.tensor([ids])).logits[0, :-1].float()
    target_T = torch.tensor(ids[1:])
    picked_T = logits_TV.log_softmax(-1).gather(1, target_T[:, None])[:, 0]
    return -(picked_T * torch.tensor(mask[1:])).sum()


def encoded_rows(task: TrainTask, tokenizer: Any) -> list[Any]:
    return [encode(tokenizer, c.messages, c.completion) for c in read_examples(task.data)]


@pytest.mark.slow
def test_loss_and_update_are_those_of_the_closed_form(train_task: Make, tokenizer: Any) -> None:
    """Two AdamW steps by hand: token mean over the whole batch of unequal micro-batches."""
    import torch
    from transformers import AutoModelForCausalLM

    task = train_task(max_steps=2, log_every=1, warmup=0.0, lr_schedule="linear", max_grad_norm=0.5)
    train_supervised(task)
    rows = encoded_rows(task, tokenizer)
    order = data_order(make_schedule(task.settings, len(rows)), task.seed)
    lengths = [sum(rows[index].completion_mask) for index in order[:4]]
    assert lengths[0] + lengths[1] != lengths[2] + lengths[3]  # else any mean would pass

    model = AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=1e-2,
    )
    for step, point in enumerate(curve(task)):
        batch = [rows[index] for index in order[4 * step : 4 * step + 4]]
        tokens = sum(sum(row.completion_mask) for row in batch)
        loss = sum(nll(model, *row) for row in batch) / tokens
        assert point["loss"] == pytest.approx(loss.item(), rel=1e-5)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        assert point["grad_norm"] == pytest.approx(norm.item(), rel=1e-4)
        lr = 1e-2 * (1 - step / 2)
        assert point["lr"] == pytest.approx(lr)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
    trained = weights(task.output / "checkpoints" / "step-000002")
    for name, value in trained.items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_micro_batches_do_not_change_the_curve(train_task: Make) -> None:
    whole = train_task("whole", micro_batch_size=4, log_every=1)
    cut = train_task("cut", micro_batch_size=1, log_every=1)
    train_supervised(whole)
    train_supervised(cut)
    for one, other in zip(curve(whole), curve(cut), strict=True):
        assert one["tokens"] == other["tokens"]
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)


@pytest.mark.slow
def test_full_run(train_task: Make, tokenizer: Any) -> None:
    """22 rows, batch 4, 2 epochs: 2 * floor(22 / 4) = 10 steps; saved are 3, 6, 9 and 10."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    seen: list[tuple[int, bool]] = []

    def announce(step: int, folder: Path) -> None:
        seen.append((step, verify(folder) is not None))

    task = train_task(announce=announce)
    train_supervised(task)
    assert seen == [(3, True), (6, True), (9, True), (10, True)]
    points = curve(task)
    assert [point["step"] for point in points] == [2, 4, 6, 8, 10]
    assert points[-1]["epoch"] == 2.0
    assert points[-1]["loss"] < points[0]["loss"]
    rows = encoded_rows(task, tokenizer)
    order = data_order(make_schedule(task.settings, len(rows)), task.seed)
    assert points[-1]["tokens"] == sum(sum(rows[index].completion_mask) for index in order)

    last = task.output / "checkpoints" / "step-000010"
    assert sorted(path.name for path in task.output.iterdir()) == ["checkpoints", "metrics.jsonl"]
    manifest = read_manifest(last)
    assert manifest is not None
    assert manifest.kind == "checkpoint"
    assert manifest.details["step"] == 10
    assert math.isfinite(manifest.details["loss"])
    model = AutoModelForCausalLM.from_pretrained(last)
    assert (
        model.num_parameters() == AutoModelForCausalLM.from_pretrained(task.model).num_parameters()
    )
    loaded = AutoTokenizer.from_pretrained(last)
    assert loaded.chat_template == tokenizer.chat_template
    base_files = {path.name for path in task.model.iterdir()}
    assert {path.name for path in last.iterdir()} == base_files | {"manifest.json"}
    for name in base_files - {"model.safetensors"}:  # nothing but the weights differs
        assert (last / name).read_text() == (task.model / name).read_text(), name


@pytest.mark.slow
def test_lora_checkpoint_loads_and_leaves_the_base_alone(train_task: Make) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    task = train_task(lora_rank=4, lora_alpha=8.0, lora_dropout=0.1, max_steps=4)
    train_supervised(task)
    last = task.output / "checkpoints" / "step-000004"
    config = json.loads((last / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(task.model)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert {name.split(".")[-1] for name in config["target_modules"]} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }
    assert not list(last.glob("model*.safetensors"))
    base = AutoModelForCausalLM.from_pretrained(task.model)
    ids = torch.tensor([[5, 6, 7, 8]])
    before = base(ids).logits
    adapted = PeftModel.from_pretrained(base, last)
    assert not torch.allclose(adapted(ids).logits, before)
    with adapted.disable_adapter():
        torch.testing.assert_close(adapted(ids).logits, before)
    direct = AutoModelForCausalLM.from_pretrained(last)
    torch.testing.assert_close(direct(ids).logits, adapted(ids).logits)


@pytest.mark.slow
def test_bfloat16_and_gradient_checkpointing(train_task: Make) -> None:
    import torch

    task = train_task(dtype="bfloat16", gradient_checkpointing=True, max_steps=2)
    train_supervised(task)
    last = task.output / "checkpoints" / "step-000002"
    assert {value.dtype for value in weights(last).values()} == {torch.bfloat16}
    assert json.loads((last / "config.json").read_text())["dtype"] == "bfloat16"


@pytest.mark.slow
def test_fewer_rows_than_a_batch(train_task: Make) -> None:
    task = train_task(batch_size=64, micro_batch_size=8, epochs=2.0)
    train_supervised(task)
    assert curve(task)[-1]["step"] == 2
    assert curve(task)[-1]["epoch"] == 2.0


@pytest.mark.slow
def test_loss_that_is_no_number_makes_no_checkpoint(train_task: Make) -> None:
    task = train_task(lr=1e30, max_grad_norm=0.0, warmup=0.0)
    with pytest.raises(WorkError, match="Lower lr"):
        train_supervised(task)
    assert not (task.output / "checkpoints").exists()


@pytest.mark.slow
def test_progress_counts_every_step_once(train_task: Make) -> None:
    import attrs

    class Counting:
        advanced = 0

        def task(self, description: str, total: int | None) -> Any:
            from contextlib import nullcontext

            assert (description, total) == ("training", 3)
            return nullcontext(self.advance)

        def advance(self, steps: int) -> None:
            self.advanced += steps

        def note(self, text: str) -> None:
            raise AssertionError(text)

    progress = Counting()
    train_supervised(attrs.evolve(train_task(max_steps=3), progress=progress))
    assert progress.advanced == 3


@pytest.mark.slow
def test_nothing_is_printed(train_task: Make, capfd: pytest.CaptureFixture[str]) -> None:
    train_supervised(train_task(max_steps=3))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
