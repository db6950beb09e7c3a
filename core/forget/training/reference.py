"""Log-probabilities under a frozen model, computed once and kept: no copy stays in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forget.inference.loading import load_tokenizer
from forget.method import TrainTask
from forget.store.atomic import write_json
from forget.training import together
from forget.training.phase import Phase, padding
from forget.training.precision import autocast
from forget.training.supervised import Row

__all__ = ["kept_log_probs", "kept_token_log_probs", "token_log_probs"]


def token_log_probs(task: TrainTask, model: Path | None, rows: Sequence[Row]) -> list[list[float]]:
    """Return ``log p(y_t | x, y_<t)`` of every token in the loss of every row [nats].

    The model is loaded as for training, in evaluation mode, and is gone afterwards; the numbers are
    those that TRL's own losses compute.

    Args:
        task: Its model, settings and progress are used.
        model: A checkpoint; None for the base model.
        rows: What to score.

    Raises:
        ModelError: The model cannot be loaded.
    """
    import torch
    from transformers.trainer_utils import set_seed
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
    from trl.trainer.utils import add_fused_lm_head

    from forget.training.student import load_student, quiet

    collate = DataCollatorForLanguageModeling(pad_token_id=padding(load_tokenizer(task.model)))
    size = task.settings.micro_batch_size
    scored: list[list[float]] = []
    set_seed(task.seed)
    with quiet(), torch.no_grad():
        student = load_student(task.model, task.settings, task.seed, model)
        student.eval()
        bare = student.get_base_model() if task.settings.lora_rank else student
        add_fused_lm_head(bare)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        student.to(device)
        with task.progress.task("scoring with the reference", len(rows)) as advance:
            for start in range(0, len(rows), size):
                some = rows[start : start + size]
                batch = collate(
                    [{"input_ids": list(r.input_ids), "labels": list(r.labels)} for r in some]
                )
                batch = {name: tensor.to(device) for name, tensor in batch.items()}
                with autocast(task.settings.dtype):
                    output = student(**batch, use_cache=False, fused_lm_head=True)
                used = batch["labels"][:, 1:] >= 0
                for log_probs, mask in zip(output.log_probs, used, strict=True):
                    scored.append(log_probs[mask].float().tolist())
                advance(len(some))
    return scored


def kept_log_probs(phase: Phase, rows: Sequence[Row]) -> list[float]:
    """Return each row's summed log-probability under the model that a phase starts from [nats].

    A training that is continued has other weights than those it started from, so the numbers are
    kept beside the run's rounds. The main process computes them.

    Args:
        phase: Its start, task and labels are used.
        rows: What to score.

    Raises:
        ModelError: The model cannot be loaded.
    """
    return together.from_main(lambda: _kept(phase, rows, sum))


def kept_token_log_probs(phase: Phase, rows: Sequence[Row]) -> list[list[float]]:
    """Return the same by tokens in the loss; see `kept_log_probs`."""
    return together.from_main(lambda: _kept(phase, rows, list))


def _kept(phase: Phase, rows: Sequence[Row], shorten: Callable[[list[float]], Any]) -> list[Any]:
    content = json.dumps([[list(row.input_ids), list(row.labels)] for row in rows])
    named = f"{phase.store.training}/{shorten.__name__}/{content}"
    key = hashlib.sha256(named.encode()).hexdigest()
    name = "-".join(["reference", *map(str, phase.labels.values())])
    file = phase.task.output / "rounds" / f"{name}.json"
    try:
        kept = json.loads(file.read_text())
        if kept["key"] == key and len(kept["log_probs"]) == len(rows):
            return list(kept["log_probs"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = [shorten(tokens) for tokens in token_log_probs(phase.task, phase.start, rows)]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"key": key, "log_probs": found})
    return found
