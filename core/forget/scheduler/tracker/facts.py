"""What a tracker knows: one record for each line of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from forget.inventory.records import Entry
from forget.scheduler.jobs import JobLine

__all__ = [
    "Advice",
    "Measured",
    "Named",
    "Result",
    "RunState",
    "SweepLine",
    "SweepState",
    "TimeLeft",
    "Tracker",
    "TrainingLine",
]

RunState = Literal[
    "done", "running", "queued", "stopped", "data ready", "not started", "pending", "failed",
    "refused",
]  # fmt: skip
"""Stopped: a part of the training is there, and nobody is at it. Pending: waits for a plugin.
Refused: the run directory holds a run with other settings."""

SweepState = Literal["done", "running", "queued", "partly done", "not started", "failed"]


@attrs.frozen(kw_only=True)
class Named:
    """Something that is measured, or by which.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        detail: What else a reader needs: a metric, where data come from.
    """

    name: str
    title: str
    detail: str = ""


@attrs.frozen(kw_only=True)
class Measured:
    """What the runs are about."""

    models: tuple[Named, ...] = ()
    benchmarks: tuple[Named, ...] = ()
    datasets: tuple[Named, ...] = ()
    methods: tuple[Named, ...] = ()


@attrs.frozen(kw_only=True)
class TrainingLine:
    """The training of one run.

    Attributes:
        run: The run's name for people.
        path: The run directory below the output folder; empty for a run that is pending.
        study: The study's name.
        model: The base model's name.
        dataset: The dataset's title.
        method: The method's title, with what else tells the run from others.
        seed: Its seed.
        state: What is to be said of it.
        detail: Why, or what to do.
        examples: Examples that are prepared; None if none are.
        checkpoints: Checkpoints that are there.
        expected_checkpoints: How many there will be; None if that is not known yet.
        every: Steps between them.
        step: The step that was reached.
        expected_steps: The last step; None if that is not known yet.
    """

    run: str
    path: str
    study: str
    model: str
    dataset: str
    method: str
    seed: int
    state: RunState
    detail: str = ""
    examples: int | None = None
    checkpoints: int = 0
    expected_checkpoints: int | None = None
    every: int | None = None
    step: int = 0
    expected_steps: int | None = None


@attrs.frozen(kw_only=True)
class SweepLine:
    """The evaluation of one run: its base, its checkpoints, and what is made of the last one.

    Attributes:
        run: The run's name for people.
        done: Models with all benchmarks scored.
        total: Models in all; None if that is not known yet.
        partly: Models with some of the benchmarks scored.
        state: What is to be said of it.
        detail: Why, or what it waits for.
        jobs: What is at work on it, or waits to be.
        machine: What scores were made on, as far as it matters to them.
    """

    run: str
    done: int
    total: int | None
    partly: int
    state: SweepState
    detail: str = ""
    jobs: tuple[str, ...] = ()
    machine: str = ""


@attrs.frozen(kw_only=True)
class Result:
    """What a run's last scored checkpoint has lost and learned.

    Attributes:
        run: The run's name for people.
        checkpoint: The checkpoint.
        scored: Benchmarks that it and its base are scored on.
        benchmarks: Benchmarks that are asked for.
        average_delta: Mean of their deltas; negative is forgotten.
        average_stderr: Its standard error; None where there is none.
        worst: The benchmark with the lowest delta; empty if none is scored.
        worst_delta: That delta.
        task_accuracy: Share of held-out problems that it solves; None if that is not scored.
        task_delta: Its change against the base.
        task_stderr: The standard error of that.
        problem: Why there are no numbers; empty if there are.
    """

    run: str
    checkpoint: str
    scored: int
    benchmarks: int
    average_delta: float | None = None
    average_stderr: float | None = None
    worst: str = ""
    worst_delta: float | None = None
    task_accuracy: float | None = None
    task_delta: float | None = None
    task_stderr: float | None = None
    problem: str = ""

    @property
    def partial(self) -> bool:
        """Whether it is of fewer benchmarks than were asked for."""
        return self.scored < self.benchmarks


@attrs.frozen(kw_only=True)
class Advice:
    """Something to do next: why, and what to type."""

    why: str
    command: str


@attrs.frozen(kw_only=True)
class TimeLeft:
    """What is left, by what was measured of work of its kind.

    Attributes:
        seconds: By one process after the other [s].
        chain_s: The longest chain of units that need each other [s].
        units: Units that are not done.
        unknown_units: Those of them that nothing is known of; they count as nothing.
    """

    seconds: float
    chain_s: float
    units: int
    unknown_units: int


@attrs.frozen(kw_only=True)
class Tracker:
    """Everything that a tracker shows, at one moment.

    Attributes:
        out: The output folder.
        at: When it was looked.
        measured: What the runs are about.
        training: A line for each run.
        sweeps: A line for each run whose evaluation has begun, or can.
        data: Prepared data and stores of completions.
        results: A line for each run of which something can be compared.
        jobs: What is at work, waits, or was given up.
        advice: What to do next.
        left: What is left; None if nothing is, or nothing was asked for.
        warnings: What could not be looked at, and why.
    """

    out: str
    at: datetime
    measured: Measured = attrs.field(factory=Measured)
    training: tuple[TrainingLine, ...] = ()
    sweeps: tuple[SweepLine, ...] = ()
    data: tuple[Entry, ...] = ()
    results: tuple[Result, ...] = ()
    jobs: tuple[JobLine, ...] = ()
    advice: tuple[Advice, ...] = ()
    left: TimeLeft | None = None
    warnings: tuple[str, ...] = ()
