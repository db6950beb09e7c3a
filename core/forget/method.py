"""The contract of a method: how it prepares its data and how it trains, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import attrs

from forget.dataset import DataAccess, Dataset
from forget.errors import SettingsError
from forget.progress import Progress, Silent
from forget.settings import setting
from forget.teacher import Teacher

__all__ = [
    "Checking",
    "Method",
    "Needs",
    "PrepareTask",
    "SupervisedSettings",
    "Tracker",
    "TrainTask",
    "TrainingSettings",
]

Tracker = Literal["tensorboard", "wandb", "trackio"]
"""A tool that shows training curves while they grow, by the name that transformers gives it."""


@attrs.frozen(kw_only=True)
class Needs:
    """What a method cannot work without; checked before anything is generated or written.

    Attributes:
        teacher: A teacher of the student's own family, of another one, or none.
        verifier: It grades completions.
        rollouts: It generates with the model it trains.
        reference_policy: It keeps a frozen copy of a model to compare with.
    """

    teacher: Literal["same-family", "cross-family"] | None = None
    verifier: bool = False
    rollouts: bool = False
    reference_policy: bool = False


@attrs.frozen(kw_only=True)
class TrainingSettings:
    """Settings that every method has; a method's own class inherits them and adds its own."""

    lr: float = setting(1e-5, "peak learning rate", minimum=0)
    lr_schedule: Literal["cosine", "linear", "constant_with_warmup"] = setting(
        "cosine", "learning-rate schedule after the warm-up"
    )
    warmup: float = setting(0.05, "share of the steps that warm up", minimum=0, maximum=1)
    weight_decay: float = setting(0.01, "AdamW weight decay", minimum=0)
    l2_to_base: float = setting(
        0.0, "pull towards the base weights, as weight decay is towards zero", minimum=0
    )
    max_grad_norm: float = setting(1.0, "gradient norm clipping; 0 turns it off", minimum=0)
    epochs: float = setting(3.0, "passes over the training data", minimum=0)
    max_steps: int | None = setting(
        None, "stop after this many optimiser steps, whatever epochs says", minimum=1
    )
    batch_size: int = setting(16, "examples per optimiser step", minimum=1)
    micro_batch_size: int = setting(4, "examples per forward pass", minimum=1)
    num_processes: int = setting(
        1,
        "processes that share each batch, one GPU each",
        minimum=1,
        technical=True,
        frozen=False,
    )
    max_length: int = setting(
        2048, "longest example [tokens]; longer ones are dropped, never cut", minimum=8
    )
    max_train_examples: int | None = setting(
        None, "train on a seeded sample of this many examples", minimum=1
    )
    dtype: Literal["float32", "bfloat16"] = setting(
        "float32", "number format of the weights; a GPU computes with float32 ones in bfloat16"
    )
    gradient_checkpointing: bool = setting(False, "trade time for memory")
    lora_rank: int = setting(0, "LoRA rank; 0 is full fine-tuning", minimum=0)
    lora_alpha: float = setting(32.0, "LoRA scale, divided by the rank", minimum=0)
    lora_dropout: float = setting(0.0, "LoRA dropout", minimum=0, maximum=1)
    checkpoint_every: int = setting(100, "optimiser steps between checkpoints", minimum=1)
    log_every: int = setting(10, "optimiser steps between points of the curve", minimum=1)
    report_to: tuple[Tracker, ...] = setting(
        (), "where the curve is shown besides, by commas", technical=True, frozen=False
    )
    wise_ft: tuple[float, ...] = setting(
        (),
        "shares of the last checkpoint in models between base and checkpoint, evaluated too",
        minimum=0,
        maximum=1,
        frozen=False,
    )
    drift_prompts: int = setting(
        16,
        "prompts on which each checkpoint's distance from the base is measured; 0 measures none",
        minimum=0,
        frozen=False,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that mean nothing together.

        Raises:
            SettingsError: Which, and what to do.
        """
        if self.l2_to_base and self.lora_rank:
            raise SettingsError(
                f"l2_to_base={self.l2_to_base} pulls the weights back to the base's, and with "
                f"lora_rank={self.lora_rank} these are frozen: only the adapters are trained. "
                "Leave one of the two out; weight_decay makes adapters small."
            )
        if len(set(self.wise_ft)) < len(self.wise_ft):
            raise SettingsError(
                f"wise_ft has a number twice: {', '.join(map(str, self.wise_ft))}. Leave one out."
            )
        share, rest = divmod(self.batch_size, self.num_processes)
        if rest or (self.num_processes > 1 and share % min(self.micro_batch_size, share)):
            raise SettingsError(
                f"batch_size={self.batch_size} cannot be shared among num_processes="
                f"{self.num_processes} in whole micro-batches of {self.micro_batch_size}. Make it "
                f"a multiple of {self.micro_batch_size * self.num_processes}, or change "
                "micro_batch_size (results stay the same) or num_processes."
            )


@attrs.frozen(kw_only=True)
class SupervisedSettings(TrainingSettings):
    """Settings of methods that train by `forget.training.train_supervised`.

    That a method takes replay, weights and masks is said by its settings alone: any other refuses
    ``replay`` as it refuses every setting that it does not have.
    """

    replay: float = setting(
        0.0, "share of each batch that is general examples", minimum=0, maximum=0.9
    )
    replay_from: str = setting(
        "", "where they come from: a dataset, or a parquet or JSONL file of conversations"
    )
    flow: bool = setting(
        False, "weight each example by exp(-loss / temperature), its loss under the base model"
    )
    flow_temperature: float | None = setting(
        None, "temperature of flow [nats per token]; by default the median loss", minimum=0.001
    )
    stm_perplexity: float | None = setting(
        None, "leave tokens of a higher perplexity under the base model out of the loss", minimum=1
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that mean nothing together.

        Raises:
            SettingsError: Which, and what to do.
        """
        super().__attrs_post_init__()
        if bool(self.replay) != bool(self.replay_from):
            raise SettingsError(
                f"replay={self.replay} and replay_from={self.replay_from!r} mean nothing without "
                "each other: set the share of each batch, replay=0.1 for instance, and a dataset "
                "or file that it comes from."
            )
        if self.flow_temperature is not None and not self.flow:
            raise SettingsError(
                f"flow_temperature={self.flow_temperature} means nothing without flow=true. Add "
                "it, or leave the temperature out."
            )
        replayed = self.replayed
        if self.replay and not 0 < replayed < self.batch_size:
            raise SettingsError(
                f"replay={self.replay} of batch_size={self.batch_size} is {replayed} examples, and "
                "a batch needs some of both kinds. Raise batch_size, or change replay."
            )

    @property
    def replayed(self) -> int:
        """General examples in each batch: the share, rounded to the nearest, halves upwards."""
        return math.floor(self.replay * self.batch_size + 0.5)


@attrs.frozen(kw_only=True)
class PrepareTask:
    """What core hands to `Method.prepare`.

    Attributes:
        dataset: The dataset to prepare.
        data: Where its rows come from.
        model: Folder of the base model (tokenizer included).
        settings: The method's resolved settings.
        seed: Seed of every random choice.
        output: Folder to fill with parquet and a manifest (``forget.training.write_examples``).
        teacher: The teacher, if the method needs one.
        teacher_identity: What tells this teacher's completions from another's: names, kind,
            settings, digest of the weights.
        trajectories: Folder of completions that several runs share; beside `output` if None.
        progress: Where to report.
    """

    dataset: Dataset
    data: DataAccess
    model: Path
    settings: Any
    seed: int
    output: Path
    teacher: Teacher | None = None
    teacher_identity: Mapping[str, Any] = attrs.field(factory=dict)
    trajectories: Path | None = None
    progress: Progress = attrs.field(factory=Silent)


def _ignore(step: int, checkpoint: Path) -> None:
    """Let a caller who does not care about checkpoints leave `announce` out."""


@attrs.frozen(kw_only=True)
class TrainTask:
    """What core hands to `Method.train`.

    Attributes:
        dataset: The dataset that was prepared; its verifier is the reward of on-policy methods.
        model: Folder of the base model.
        data: Folder that `prepare` filled.
        replay: Folder of general examples to mix in; None if the settings ask for none.
        output: The run directory: ``checkpoints/`` and ``metrics.jsonl`` are written below it.
        settings: The method's resolved settings.
        seed: Seed of every random choice.
        announce: Called with step and folder as soon as a checkpoint is complete on disk.
        progress: Where to report.
    """

    dataset: Dataset
    model: Path
    data: Path
    output: Path
    settings: Any
    seed: int
    replay: Path | None = None
    announce: Callable[[int, Path], None] = _ignore
    progress: Progress = attrs.field(factory=Silent)


@runtime_checkable
class Method(Protocol):
    """A way of training.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        summary: One line.
        paper: Where it is defined: a citation, or a link.
        needs: What it cannot work without.
    """

    name: str
    title: str
    summary: str
    paper: str
    needs: Needs

    @property
    def settings(self) -> type[TrainingSettings]:
        """Its settings class; read-only here, so that a subclass of `TrainingSettings` fits."""
        ...

    def prepare(self, task: PrepareTask) -> None:
        """Write the training data; resumable, and the same for the same task."""
        ...

    def train(self, task: TrainTask) -> None:
        """Train, announcing each checkpoint; called again after a crash, it continues.

        Where the settings ask for several processes, each of them calls it with the same task; what
        a method itself writes goes through `forget.training.together`.
        """
        ...


@runtime_checkable
class Checking(Protocol):
    """What a `Method` may have besides: its settings name something outside, a file for instance.

    It is asked before a run writes anything, and not any more once its data are prepared.
    """

    def check(self, settings: Any) -> None:
        """Find what is wrong with what the settings name.

        Raises:
            RequestError: It is not there, or not what it must be; says what to do.
        """
        ...
