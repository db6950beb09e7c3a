"""The privileged loop: a model learns from itself as it answers with more in its context.

The teacher is the student's own weights, or a moving average of them, on a prompt that tells more;
both read the same completion (Penaloza et al. 2026, arXiv:2602.04942; Shenfeld et al. 2026,
arXiv:2601.19897). Letters in names of tensors: B sequences, P tokens of their prompts, C of their
completions, V of the vocabulary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.training.divergences import Divergence, over_vocabulary
from forget.training.phase import IGNORED, Phase, fit, padding, trainer_arguments
from forget.training.plan import data_order
from forget.training.supervised import tokens_by_step
from forget.training.weighted import Normalizer, batch_scales

__all__ = ["Informed", "PrivilegedObjective", "fit_privileged"]

_METRICS = {"divergence": "divergence", "surrogate": "surrogate"}
_TEACHER = "teacher.safetensors"


class Informed(NamedTuple):
    """One completion as token ids, with the two prompts that it is an answer to.

    Attributes:
        prompt: What the student is given.
        informed: What the teacher is given.
        completion: What was written, end of turn included.
        advantage: How much better it is than was to be expected.
        written: Log-probability of each of its tokens under the policy that wrote it; empty where
            advantages are not learned from.
    """

    prompt: Sequence[int]
    informed: Sequence[int]
    completion: Sequence[int]
    advantage: float = 0.0
    written: Sequence[float] = ()


@attrs.frozen(kw_only=True)
class PrivilegedObjective:
    """What is minimised: ``a L_T + (1 - a) L_S``, each a mean over completion tokens.

        L_T = -S(pi_T) + beta D(pi_T, sg pi_S)
        L_S = -S(pi_S) + beta D(sg pi_T, pi_S)

    D is a divergence of each token's distribution, exact over the vocabulary, sg stops gradients,
    and ``S(pi) = min(rho A, clip(rho, 1 - epsilon, 1 + epsilon) A)`` with
    ``rho = pi(y_t | ...) / pi_written(y_t | ...)`` is the clipped surrogate (Schulman et al. 2017,
    arXiv:1707.06347, equation 7) of the expected reward, by tokens as in GRPO. Where the teacher
    wrote the completions, D is `forward` and the models have not moved yet, this is pi-Distill's J
    with its sign changed.

    Attributes:
        rewarded: Whether there is an S; without it, no `Informed.written` is needed.
        beta: Strength of the divergence.
        divergence: Which; its target is the teacher.
        teacher_share: a, of what is learned the share that the teacher learns.
        teacher_rate: The teacher's weights move this share of the way to the student's after each
            step; 1: they are the student's, and no copy is kept.
        epsilon: Where the surrogate is clipped.
        normalizer: Whether a batch's sum is divided by its tokens or by its sequences.

    Raises:
        ValueError: The teacher is to learn, and is not the student.
    """

    rewarded: bool
    beta: float
    divergence: Divergence
    teacher_share: float = 0.0
    teacher_rate: float = 1.0
    epsilon: float = 0.2
    normalizer: Normalizer = "tokens"

    def __attrs_post_init__(self) -> None:
        """Check that a teacher that learns has the student's weights."""
        if self.teacher_share and self.teacher_rate != 1:
            raise ValueError("Only a teacher that is the student itself can learn.")


def fit_privileged(
    phase: Phase,
    items: Sequence[Informed],
    resumed: int,
    advance: Callable[[int], None],
    objective: PrivilegedObjective,
) -> None:
    """Take the steps of a phase on informed completions, each pass in its own order; see `fit`.

    Args:
        phase: What is trained; its ``tokens`` and ``metrics`` are settled here.
        items: The examples; `Schedule.rows` of them.
        resumed: The step of the run to continue from.
        advance: Told of each step done.
        objective: What is minimised.
    """
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    from forget.training.loop import resumable

    order = data_order(phase.schedule, phase.order_seed)
    tokens = [len(item.completion) for item in items]
    scales = batch_scales(
        [1.0] * len(order),
        [tokens[index] for index in order],
        phase.schedule.batch_size,
        objective.normalizer,
    )
    dataset = Dataset.from_list([item._asdict() for item in items]).select(order)
    dataset = dataset.add_column("scale", scales)

    def make_trainer(model: Any, tokenizer: Any) -> Any:
        trainer = resumable(Trainer, PrivilegedLoss)(
            model=model,
            args=trainer_arguments(
                phase,
                TrainingArguments,
                train_sampling_strategy="sequential",  # the items are in order already
                remove_unused_columns=False,
            ),
            train_dataset=dataset,
            data_collator=InformedCollator(padding(tokenizer)),
            processing_class=tokenizer,
        )
        trainer.model_accepts_loss_kwargs = True  # the loss is divided by its batch already
        trainer.learn(objective, model)
        return trainer

    counted = tokens_by_step(tokens, order, phase.schedule, phase.tokens_before)
    fit(attrs.evolve(phase, tokens=counted, metrics=_METRICS), resumed, advance, make_trainer)


class InformedCollator:
    """Makes a batch of informed completions: prompts are padded left, completions right.

    Args:
        pad: Token id to pad with.
    """

    def __init__(self, pad: int) -> None:
        self._pad = pad

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return ids and masks of both prompts with the completion, and what belongs to each token.

        ``labels`` is [B, C]: the completion, `IGNORED` where there is none.
        """
        import torch

        longest = max(len(example["completion"]) for example in examples)

        def right(name: str, fill: float) -> Any:
            rows = [list(example[name]) for example in examples]
            return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])

        batch = {
            "labels": right("completion", IGNORED),
            "written_BC": right("written", 0.0).float(),
            "advantage_B1": torch.tensor([[float(e["advantage"])] for e in examples]),
            "scale_B1": torch.tensor([[float(e["scale"])] for e in examples]),
        }
        for name in ("prompt", "informed"):
            batch |= self._sequences(name, [[*e[name], *e["completion"]] for e in examples],
                                     [len(e[name]) for e in examples], longest)  # fmt: skip
        return batch

    def _sequences(
        self, name: str, rows: Sequence[list[int]], prompts: Sequence[int], longest: int
    ) -> dict[str, Any]:
        import torch

        width = max(prompts)
        ids, masks = [], []
        for row, prompt in zip(rows, prompts, strict=True):
            before, after = width - prompt, longest - (len(row) - prompt)
            ids.append([self._pad] * before + row + [self._pad] * after)
            masks.append([0] * before + [1] * len(row) + [0] * after)
        return {f"{name}_ids": torch.tensor(ids), f"{name}_mask": torch.tensor(masks)}


class PrivilegedLoss:
    """Mixin for `transformers.Trainer` whose loss is a `PrivilegedObjective`."""

    accelerator: Any
    objective: PrivilegedObjective

    def learn(self, objective: PrivilegedObjective, model: Any) -> None:
        """Say what is learned; the teacher starts as the model stands."""
        from transformers import TrainerCallback

        self.objective = objective
        self._metrics: dict[str, Any] = {"train": defaultdict(list)}
        self._teacher = MovingAverage(model, objective.teacher_rate)
        teacher = self._teacher

        class Follow(TrainerCallback):
            """Moves the teacher after each optimiser step."""

            def on_step_end(self, *_: Any, **__: Any) -> None:
                teacher.follow()

        self.add_callback(Follow())  # type: ignore[attr-defined]

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the loss; every scale has been divided by its whole batch already."""
        import torch

        objective, share = self.objective, self.objective.teacher_share
        labels_BC = inputs["labels"]
        count = labels_BC.shape[1]
        with torch.set_grad_enabled(share < 1):
            student_BCV = _log_probs(model, inputs, "prompt", count)
        with torch.set_grad_enabled(share > 0), self._teacher.in_place():
            teacher_BCV = _log_probs(model, inputs, "informed", count)
        loss_BC = torch.zeros(labels_BC.shape, device=labels_BC.device)
        if share < 1:
            loss_BC += (1 - share) * self._side(
                student_BCV, teacher_BCV.detach(), student_BCV, inputs
            )
        if share > 0:
            loss_BC += share * self._side(teacher_BCV, teacher_BCV, student_BCV.detach(), inputs)
        used_BC = labels_BC != IGNORED
        loss = (loss_BC * used_BC * inputs["scale_B1"]).sum()
        if objective.beta:
            with torch.no_grad():
                apart = over_vocabulary(teacher_BCV, student_BCV, objective.divergence)
                self._metrics["train"]["divergence"].append(apart[used_BC].mean().item())
        # Processes average their gradients, and the sum is over all of them.
        return loss * self.accelerator.num_processes

    def _side(self, own_BCV: Any, target_BCV: Any, student_BCV: Any, inputs: Any) -> Any:
        """Return the loss of the one who learns, by tokens."""
        import torch

        objective = self.objective
        loss_BC = torch.zeros(own_BCV.shape[:2], device=own_BCV.device)
        if objective.beta:
            loss_BC = objective.beta * over_vocabulary(
                target_BCV, student_BCV, objective.divergence
            )
        if objective.rewarded:
            tokens_BC1 = inputs["labels"].clamp(min=0)[..., None]
            log_probs_BC = own_BCV.gather(-1, tokens_BC1)[..., 0]
            surrogate_BC = _surrogate(
                log_probs_BC - inputs["written_BC"], inputs["advantage_B1"], objective.epsilon
            )
            loss_BC = loss_BC - surrogate_BC
        return loss_BC

    def _save_optimizer_and_scheduler(self, folder: str) -> None:
        super()._save_optimizer_and_scheduler(folder)  # type: ignore[misc]
        self._teacher.save(Path(folder))

    def _load_optimizer_and_scheduler(self, folder: str | None) -> None:
        super()._load_optimizer_and_scheduler(folder)  # type: ignore[misc]
        if folder is not None:
            self._teacher.load(Path(folder))


class MovingAverage:
    """The teacher's weights: an exponential moving average of those that are trained, in float32.

    Args:
        model: The model in training, as the teacher starts.
        rate: Share of the way that the average moves at each step; 1 keeps no copy.
    """

    def __init__(self, model: Any, rate: float) -> None:
        import torch

        self._rate = rate
        trained = ((name, p) for name, p in model.named_parameters() if p.requires_grad)
        self._trained = {} if rate == 1 else dict(trained)
        self._average = {
            name: p.detach().to(torch.float32, copy=True) for name, p in self._trained.items()
        }

    def follow(self) -> None:
        """Move towards the model."""
        for name, parameter in self._trained.items():
            self._average[name].lerp_(parameter.detach().float(), self._rate)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the teacher's weights for a forward pass."""
        own = {name: parameter.data for name, parameter in self._trained.items()}
        for name, parameter in self._trained.items():
            parameter.data = self._average[name].to(parameter.dtype)
        try:
            yield
        finally:
            for name, parameter in self._trained.items():
                parameter.data = own[name]

    def save(self, folder: Path) -> None:
        """Write the average, if there is one."""
        from safetensors.torch import save_file

        if self._average:
            save_file(self._average, folder / _TEACHER)

    def load(self, folder: Path) -> None:
        """Take up the average that was written."""
        from safetensors.torch import load_file

        if self._average:
            for name, tensor in load_file(folder / _TEACHER).items():
                self._average[name].copy_(tensor)


def _log_probs(model: Any, inputs: dict[str, Any], name: str, count: int) -> Any:
    """Return the log-probabilities of every completion token's distribution, [B, C, V]."""
    mask = inputs[f"{name}_mask"]
    output = model(
        input_ids=inputs[f"{name}_ids"],
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),  # prompts are padded left
        logits_to_keep=count + 1,
        use_cache=False,
    )
    return output.logits[:, :-1].float().log_softmax(-1)


def _surrogate(log_ratio_BC: Any, advantage_B1: Any, epsilon: float) -> Any:
    import torch

    ratio_BC = log_ratio_BC.exp()
    clipped_BC = ratio_BC.clamp(1 - epsilon, 1 + epsilon)
    return torch.minimum(ratio_BC * advantage_B1, clipped_BC * advantage_B1)
