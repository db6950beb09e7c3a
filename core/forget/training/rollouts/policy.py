"""The model in training as a writer: what it would answer as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from forget.completion import Completion
from forget.dataset import Verdict
from forget.errors import RequestError
from forget.inference.machine import Machine, resolve_machine
from forget.inference.teacher_settings import TransformersSettings, VllmSettings
from forget.inference.weights import adapter_base, model_digest
from forget.method import TrainTask
from forget.teacher import Teacher, TeacherSetup
from forget.training.examples import Conversation
from forget.training.precision import computed_in
from forget.training.rollouts.questions import Prompt, as_it_is
from forget.training.rollouts.rewards import Reward, find_reward
from forget.training.rollouts.settings import RoundSettings
from forget.training.trajectories.asking import one_ask
from forget.training.trajectories.keeping import Judged
from forget.training.trajectories.obtaining import Order, obtain
from forget.training.trajectories.store import About, open_store

__all__ = ["Rollout", "write_rollouts"]


class Rollout(NamedTuple):
    """One of the model's own completions.

    Attributes:
        question: What was asked, with the dataset's solution.
        sample: Which of its completions it is, from 0.
        completion: What the model wrote.
        verdict: What the dataset's verifier says of it.
        reward: What it is worth.
    """

    question: Conversation
    sample: int
    completion: Completion
    verdict: Verdict
    reward: float


def write_rollouts(
    task: TrainTask,
    model: Path,
    questions: Sequence[Conversation],
    index: int,
    ask: Prompt = as_it_is,
) -> list[list[Rollout]]:
    """Have a model answer questions; nothing that is on disk already is written again.

    Each completion is durable as it arrives, in a store that belongs to these weights.

    Args:
        task: The task handed to `Method.train`; its settings are `RoundSettings`.
        model: Folder of the model that writes: the base or a checkpoint.
        questions: What to ask, each with its example.
        index: Number of the round, which the completions are drawn by.
        ask: What the model is given of each question.

    Returns:
        For each question its completions; none where the prompt can have none.

    Raises:
        SettingsError: There is no such reward.
        RequestError: vLLM is asked for and cannot be had.
        WorkError: A completion could not be had, or the reward failed.
        StorageError: The disk is full.
    """
    settings: RoundSettings = task.settings
    reward = find_reward(settings.reward)
    order = _order(task, model, questions, index, ask)
    store = open_store(
        task.output / "rollouts",
        task.dataset.name,
        order.teacher.name,
        teacher=order.about.teacher,
        sampling=order.about.sampling,
    )
    judged = obtain(order, store, task.progress).judged
    return [
        [_rollout(question, item, reward) for item in sorted(judged.get(question.question, []))]
        for question in questions
    ]


def _order(
    task: TrainTask, model: Path, questions: Sequence[Conversation], index: int, ask: Prompt
) -> Order:
    settings: RoundSettings = task.settings
    machine = resolve_machine("auto", computed_in(settings.dtype))
    engine = _engine(settings, machine, model)
    sampling = settings.sampling(task.dataset.max_new_tokens)
    name, seed = f"round-{index}", f"{task.seed}/round-{index}"
    asks = [
        one_ask(question.example, ask(question), sample, seed)
        for sample in range(settings.num_generations)
        for question in questions
        if question.example is not None
    ]
    about = About(
        dataset=task.dataset.name,
        teacher={
            "name": name,
            "model_digest": model_digest(model),
            "dtype": machine.dtype,
            "engine": engine,
        },
        sampling={
            "max_new_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "sampling_seed": seed,
        },
        questions=len(questions),
        samples=settings.num_generations,
    )
    return Order(
        dataset=task.dataset,
        teacher=_writer(engine, name, model, machine),
        sampling=sampling,
        asks=asks,
        about=about,
    )


def _rollout(question: Conversation, item: Judged, reward: Reward) -> Rollout:
    assert question.example is not None  # only such are asked
    worth = reward(question.example, item.completion, item.verdict)
    return Rollout(question, item.sample, item.completion, item.verdict, worth)


def _engine(settings: RoundSettings, machine: Machine, model: Path) -> str:
    adapter = adapter_base(model) is not None
    if settings.rollout_engine == "vllm":
        from forget.inference.vllm_process import require_vllm

        require_vllm("rollout_engine=vllm")
        if adapter:
            raise RequestError(
                f"rollout_engine=vllm cannot run the adapter in {model}. Leave it out: the "
                "built-in engine writes then."
            )
        return "vllm"
    there = machine.device == "cuda" and find_spec("vllm") is not None and not adapter
    return "vllm" if settings.rollout_engine == "auto" and there else "builtin"


def _writer(engine: str, name: str, model: Path, machine: Machine) -> Teacher:
    def setup(settings: object) -> TeacherSetup:
        return TeacherSetup(
            name=name,
            title="the model itself",
            summary="the model in training, as it stands",
            family="any",
            model=model,
            settings=settings,
            device=machine.device,
            dtype=machine.dtype,
        )

    if engine == "vllm":
        from forget.inference.teacher_vllm import VllmTeacher

        return VllmTeacher(setup(VllmSettings()), model, as_evaluated=True)
    from forget.inference.teacher_in_process import TransformersTeacher

    return TransformersTeacher(setup(TransformersSettings()), model, as_evaluated=True)
