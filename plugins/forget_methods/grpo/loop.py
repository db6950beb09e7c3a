"""The training loop of GRPO: TRL's GRPOTrainer on prompts that are rendered as in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from forget.inference.chat import render_prompt
from forget.inference.generation import stop_ids_of
from forget.inference.loading import load_tokenizer
from forget.method import TrainTask
from forget.progress import Advance
from forget.training.examples import Conversation, read_examples
from forget.training.phase import Phase, fit, trainer_arguments
from forget.training.plan import Schedule, data_order
from forget.training.rollouts.rewards import find_reward
from forget.training.single import prepared, train_single
from forget_methods.grpo import GrpoSettings
from forget_methods.grpo.engine import choose_engine, engine_arguments
from forget_methods.grpo.grading import Grader
from forget_methods.grpo.watch import FEWEST_GROUPS, Watch

__all__ = ["METRICS", "train"]

METRICS = {
    "reward": "reward",
    "reward_std": "reward_std",
    "correct_share": "correct_share",
    "truncated_share": "truncated_share",
    "no_signal_share": "no_signal_share",
    "all_right_share": "all_right_share",
    "all_wrong_share": "all_wrong_share",
    "completions/mean_length": "mean_tokens",
    "entropy": "entropy",
    "kl": "kl",
    "clip_ratio/region_mean": "clipped_share",
}
"""What the trainer measures, and what the curve calls it."""


def train(task: TrainTask) -> None:
    """Take the steps that are left; on a CPU an interruption changes not a byte.

    Each step draws ``num_generations`` completions of ``batch_size / num_generations`` questions
    from the model as it stands, and is one step of the optimiser on them (or ``num_iterations``).

    Raises:
        DataError: The data folder is incomplete.
        SettingsError: There is no such reward, the batch sizes do not fit, or there is no step.
        RequestError: vLLM is asked for and cannot be had.
        ModelError: The base model cannot be loaded.
        FrozenRunError: The folder holds checkpoints of another training.
        StorageError: The disk is full.
        WorkError: The reward failed, the loss is not a number any more, or memory does not suffice.
    """
    settings: GrpoSettings = task.settings
    manifest = prepared(task.data)
    schedule = settings.schedule(manifest.details["rows"])

    def learn(phase: Phase, resumed: int, advance: Advance) -> None:
        _learn(attrs.evolve(phase, metrics=METRICS), resumed, advance)

    train_single(task, schedule, manifest.details["digest"], learn)


def _learn(phase: Phase, resumed: int, advance: Advance) -> None:
    from forget_methods.grpo.trainer import make_trainer

    task = phase.task
    settings: GrpoSettings = task.settings
    reward = find_reward(settings.reward)
    engine = choose_engine(settings)
    questions = read_examples(task.data)
    tokenizer = load_tokenizer(task.model)  # the trainer's own: it changes it
    ends = stop_ids_of(task.model, tokenizer)
    limit = settings.sampling(task.dataset.max_new_tokens).max_new_tokens
    batches = max(settings.log_every, -(-FEWEST_GROUPS // phase.schedule.own))
    watch = Watch(task.progress.note, batches, limit)
    grader = Grader(task.dataset, reward, questions, tokenizer=tokenizer, ends=ends, tell=watch.add)

    def make(model: Any, _: Any) -> Any:
        return make_trainer(
            model,
            tokenizer,
            base=task.model,
            rewards=grader.rewards,
            arguments=_arguments(phase, engine, limit, ends),
            prompts=_prompts(phase.schedule, phase.order_seed, tokenizer, questions),
        )

    fit(phase, resumed, lambda steps: advance(steps, watch.detail), make)


def _arguments(phase: Phase, engine: str, limit: int, ends: set[int]) -> Any:
    from trl import GRPOConfig

    settings: GrpoSettings = phase.task.settings
    return trainer_arguments(
        phase,
        GRPOConfig,
        remove_unused_columns=False,
        shuffle_dataset=False,  # the prompts are in order already
        disable_dropout=True,  # the policy that is scored is the one that wrote
        num_generations=settings.num_generations,
        num_iterations=settings.num_iterations,
        max_completion_length=limit,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        beta=settings.beta,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        loss_type=settings.loss_type,
        # Zheng et al. 2025, arXiv:2507.18071; the other losses are of tokens.
        importance_sampling_level="sequence" if settings.loss_type == "luspo" else "token",
        scale_rewards=settings.scale_rewards,
        mask_truncated_completions=settings.mask_truncated_completions,
        **engine_arguments(engine, settings, settings.max_prompt_length + limit, ends),
    )


def _prompts(
    schedule: Schedule, seed: str, tokenizer: Any, questions: Sequence[Conversation]
) -> Any:
    """Return a dataset of rendered prompts in the order of training."""
    from datasets import Dataset

    rows = [
        {"prompt": render_prompt(tokenizer, question.messages), "question": place}
        for place, question in enumerate(questions)
    ]
    return Dataset.from_list(rows).select(data_order(schedule, seed))
