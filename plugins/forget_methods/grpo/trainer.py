"""TRL's GRPOTrainer with the project's prompts, random numbers of each step, and the base.

It learns from completions whose advantage is not 0, and only measures the others.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forget.inference.vllm_process import ENVIRONMENT
from forget.training import together

__all__ = ["OurPrompts", "Silence", "grpo_trainer", "make_trainer"]


class OurPrompts:
    """Mixin for `trl.GRPOTrainer`; overrides two of its methods of TRL 1.16, the pinned version.

    The prompts are tokenised as they are, and each step draws by random numbers of its own.
    """

    args: Any
    state: Any
    accelerator: Any
    _tokenizer: Any

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        # They are rendered with their special tokens; the tokenizer would add a second BOS.
        return self._tokenizer(prompts, add_special_tokens=False)["input_ids"], None, {}

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        # Completions are written here. What is drawn is a function of seed, step and process alone,
        # so that a resumed training draws the same.
        with self.accelerator.autocast(), _drawn_by(self.args.seed, self.state.global_step):
            return super()._prepare_inputs(generation_batch)  # type: ignore[misc]


class Silence:
    """Mixin for `trl.GRPOTrainer`: no backward pass for completions that teach nothing.

    Every loss multiplies a token's share by its completion's advantage, so that at advantage 0 and
    without a KL term its gradient is exactly 0. Hard tasks have many of these for a small model,
    and two thirds of a completion's cost is its backward pass. Loss and curve are as without it.
    """

    accelerator: Any
    beta: float
    aux_loss_enabled: bool
    _silent: Any = None

    def _compute_loss(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        exact = self.beta == 0 and not self.aux_loss_enabled
        self._silent = inputs["advantages"] == 0 if exact else None
        return super()._compute_loss(model, inputs)  # type: ignore[misc]

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, **options: Any
    ) -> Any:
        import torch

        def score(model: Any, rows: Any) -> Any:
            return super(Silence, self)._get_per_token_logps_and_entropies(  # type: ignore[misc]
                model, input_ids[rows], attention_mask[rows], logits_to_keep, **options
            )

        silent = self._silent
        if not torch.is_grad_enabled() or silent is None or not silent.any():
            return score(model, slice(None))
        silent = silent.clone()
        silent[0] &= not silent.all()  # several processes wait for each other's gradients
        back = torch.cat([silent.nonzero(), (~silent).nonzero()]).flatten().argsort()
        with torch.no_grad():  # and a process that has nothing silent takes one forward pass
            quiet, quiet_entropies, _ = score(self.accelerator.unwrap_model(model), silent)
        logps, entropies, extra = score(model, ~silent)
        return torch.cat([quiet, logps])[back], torch.cat([quiet_entropies, entropies])[back], extra


def make_trainer(
    model: Any,
    tokenizer: Any,
    *,
    base: Path,
    rewards: Callable[..., list[float]],
    arguments: Any,
    prompts: Any,
) -> Any:
    """Return the trainer of a student.

    Args:
        model: The student: base model, checkpoint, or base model with adapter.
        tokenizer: Its tokenizer; a padding token is added to it.
        base: Folder of the base model, the reference of the KL divergence.
        rewards: Rewards completions, see `Grader.rewards`.
        arguments: A `trl.GRPOConfig`.
        prompts: The dataset: ``prompt`` and ``question``, in the order of training.
    """
    from forget.training.loop import resumable
    from forget.training.student import drop_reference_copy

    # The trainer loads its reference from here; after a restart a checkpoint's folder is named.
    model.config._name_or_path = str(base.absolute())
    trainer = resumable(grpo_trainer(), OurPrompts, Silence)(
        model=model,
        reward_funcs=[rewards],
        args=arguments,
        train_dataset=prompts,
        processing_class=tokenizer,
    )
    drop_reference_copy(model)  # without it the adapters are switched off: the base model
    return trainer


def grpo_trainer() -> Any:
    """Return `trl.GRPOTrainer`, whose module imports vLLM wherever that is installed."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own
        from trl import GRPOTrainer

    return GRPOTrainer


@contextmanager
def _drawn_by(seed: int, step: int) -> Iterator[None]:
    """Give the block random numbers of its own and leave all others as they were.

    Processes draw different ones: they may answer the same question.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed((seed << 32) + (together.rank() << 24) + step)
        yield
