"""What a unit needs of a machine: measured where its like was done, else worked out from counts."""

from __future__ import annotations

from typing import NamedTuple

from forget.inference.models import ModelReference
from forget.method import TrainingSettings
from forget.scheduler.costs import Costs
from forget.scheduler.units import Unit

__all__ = ["Resources", "gpus_of", "resources_of"]

_PROCESS_GB = 2.0
"""A process with its libraries, and what a batch takes beside the weights."""

_TRAINING_GB = 3.0
"""The same of a training, whose batches keep what every layer found."""

_BYTES = {"float32": 4, "bfloat16": 2}

_TRAINED = 4
"""Numbers for each trained weight: itself, its gradient, and the two moments of AdamW."""


class Resources(NamedTuple):
    """What a unit needs.

    Attributes:
        memory_gb: Of the machine's memory [GB]; None where the size of its model is not known.
        gpus: How many GPUs.
        seconds: How long it takes [s]; None where that is not known.
        estimated: Which of ``memory_gb`` and ``seconds`` were not measured.
    """

    memory_gb: float | None
    gpus: int
    seconds: float | None
    estimated: tuple[str, ...]


def resources_of(unit: Unit, costs: Costs, *, on_gpu: bool) -> Resources:
    """Return what a unit needs.

    Args:
        unit: What is to be done.
        costs: What was measured, and what the registry says of the rest.
        on_gpu: It is done where there are GPUs.
    """
    peak_gb, seconds = costs.memory_gb_of(unit), costs.of(unit)
    memory_gb = _memory_gb(unit, on_gpu) if peak_gb is None else peak_gb
    estimated = {
        "memory_gb": peak_gb is None and memory_gb is not None,
        "seconds": seconds is not None and not costs.is_measured(unit),
    }
    names = tuple(name for name, is_so in estimated.items() if is_so)
    return Resources(memory_gb, gpus_of(unit, on_gpu=on_gpu), seconds, names)


def gpus_of(unit: Unit, *, on_gpu: bool) -> int:
    """Return how many GPUs a unit needs where there are any, or where it needs several."""
    run = unit.run
    if unit.stage == "generate" and run.teacher is not None and run.teacher.model is not None:
        several = getattr(run.teacher.settings, "tensor_parallel_size", 1)
        return several if on_gpu or several > 1 else 0
    if unit.stage == "train":
        processes = run.settings.num_processes
        return processes if on_gpu or processes > 1 else 0
    return int(on_gpu and unit.stage == "evaluate")


def _memory_gb(unit: Unit, on_gpu: bool) -> float | None:
    """Estimate the machine's memory; a GPU's is filled by a copy that passes through it."""
    run, settings = unit.run, unit.run.settings
    if unit.stage == "train":
        size = _size_gb(run.model, _BYTES[settings.dtype] * _copies(settings, on_gpu))
        return None if size is None else settings.num_processes * (_TRAINING_GB + size)
    if unit.stage == "evaluate":
        return _inference_gb(run.model, on_gpu)
    if run.teacher is None or run.teacher.model is None:  # nothing is loaded, or by a server
        return _PROCESS_GB
    parallel = getattr(run.teacher.settings, "tensor_parallel_size", 0)
    if parallel > 1 or (parallel and on_gpu):  # a process for each GPU reads its part, file by file
        return _PROCESS_GB * (1 + parallel)
    return _inference_gb(run.teacher.model, on_gpu)


def _inference_gb(model: ModelReference, on_gpu: bool) -> float | None:
    size = _size_gb(model, _BYTES["bfloat16" if on_gpu else "float32"])
    return None if size is None else _PROCESS_GB + size


def _copies(settings: TrainingSettings, on_gpu: bool) -> int:
    """Return how often a model's weights are in the machine's memory while it is trained."""
    frozen = on_gpu or settings.lora_rank > 0  # adapters are a hundredth of it
    return (1 if frozen else _TRAINED) + bool(settings.l2_to_base)


def _size_gb(model: ModelReference, width: int) -> float | None:
    parameters = model.parameters()
    return None if parameters is None else parameters * width / 1e9
