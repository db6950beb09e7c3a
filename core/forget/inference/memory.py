"""How much memory work takes, and how much there is: large batches are split before they fail.

A GPU says when its memory is used up. Most systems let a process take more main memory than there
is and kill it when it comes to use it, so there is nothing to be caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from forget.errors import WorkError

__all__ = ["free_bytes", "key_bytes", "memory_for", "node_bytes", "split_to_fit"]

_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")

_HELD = 6
"""Copies of a token's hidden state that live at once in a layer: residual, norm, query, output."""

T = TypeVar("T")


def free_bytes(device: str) -> int:
    """Return the memory that is free on a device type."""
    if device == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info()
        # What torch keeps for itself and does not use at the moment can be used again.
        return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
    import psutil

    available = int(psutil.virtual_memory().available)
    left = _left_in_container()
    return available if left is None else min(available, left)


def key_bytes(config: Any, width: int) -> int:
    """Return the bytes of one token's keys and values in all layers.

    Args:
        config: A transformers configuration of a decoder.
        width: Bytes of a number.
    """
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * shared * size * width)


def node_bytes(config: Any, width: int) -> int:
    """Estimate the bytes that one token takes while a layer is computed without kept keys.

    Args:
        config: A transformers configuration of a decoder.
        width: Bytes of a number.
    """
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return int((_HELD * config.hidden_size + 3 * inner) * width)


def split_to_fit(
    action: Callable[[Sequence[Any]], list[T]],
    items: Sequence[Any],
    fits: Callable[[Sequence[Any]], bool],
) -> list[T]:
    """Answer items together, or in halves where the memory will not or does not suffice.

    Args:
        action: Answers items together.
        items: At least one.
        fits: Says whether the memory is likely to suffice for some of them.

    Raises:
        WorkError: It does not suffice for a single one.
    """
    if len(items) == 1 or fits(items):  # a single request is tried anyway
        try:
            return action(items)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(items) == 1:
                raise WorkError(
                    "The memory does not suffice for a single request. Use a machine with more, "
                    "or --dtype bfloat16."
                ) from error
    # Outside the except block, whose traceback would keep the tensors of the failed try alive.
    middle = len(items) // 2
    return [
        *split_to_fit(action, items[:middle], fits),
        *split_to_fit(action, items[middle:], fits),
    ]


@contextmanager
def memory_for(purpose: str, remedy: str) -> Iterator[None]:
    """Say it in words if the memory does not suffice for a block.

    Args:
        purpose: What the block does: ``to load the model in DIR``.
        remedy: What to do, in a sentence.

    Raises:
        WorkError: It does not suffice; of a GPU the message tells who has it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise WorkError(
            f"The memory does not suffice {purpose}{_who_has_it(error)}. {remedy}"
        ) from error


def _who_has_it(error: BaseException) -> str:
    """Tell a process that is alone on a GPU from one that others leave nothing to."""
    import torch

    if not (isinstance(error, torch.OutOfMemoryError) and torch.cuda.is_available()):
        return ""
    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved()
    others = max(0, total - free - own)
    return (
        f": of the GPU's {total / 1e9:.1f} GB this process has {own / 1e9:.1f}, and "
        f"{others / 1e9:.1f} are taken by others (`nvidia-smi` names them) and by the driver"
    )


def _left_in_container() -> int | None:
    """Return what a container's limit leaves; its file cache counts as used, so it is cautious."""
    try:
        limit, used = _LIMIT.read_text().strip(), int(_USED.read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used)


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    texts = ("can't allocate memory", "out of memory")  # of the CPU's and of MPS's allocators
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(text in str(error).lower() for text in texts)
