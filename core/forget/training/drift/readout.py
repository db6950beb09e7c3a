"""A model's last states, and logits made of them with an output matrix that is elsewhere.

Legend: T positions, D hidden size, V vocabulary, C tokens of a block of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from forget.inference.scoring import adjusted
from forget.inference.tensors import TensorReader
from forget.training.drift.weights import without_adapters

if TYPE_CHECKING:
    import torch

__all__ = [
    "Asked",
    "FileHead",
    "Head",
    "ModelHead",
    "block_logits",
    "blocks",
    "last_states",
    "own_logits",
]

_BLOCK_BYTES = 16 * 2**20
"""Memory of a block of logits in float32; about ten times that is in use while it is summed."""

_BATCH_TOKENS = 4096
"""Tokens that are read at once: a fraction of the memory that a training step takes."""


class Asked(NamedTuple):
    """A prompt with the completion that the base wrote, as token ids.

    Attributes:
        prompt: The prompt.
        completion: The completion without the token that ended it.
        finished: Such a token was drawn; else the completion was cut at its length limit.
    """

    prompt: Sequence[int]
    completion: Sequence[int]
    finished: bool

    @property
    def positions(self) -> int:
        """Tokens that were drawn, the ending one included: so many distributions are compared."""
        return len(self.completion) + self.finished

    @property
    def read(self) -> list[int]:
        """What a model reads: all but a last token that nothing was predicted from."""
        ids = [*self.prompt, *self.completion]
        return ids if self.finished else ids[:-1]


class Head(Protocol):
    """An output matrix whose rows are read when they are wanted."""

    def rows(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return some rows of the matrix, [C, D], and of its bias, [C]."""
        ...


class ModelHead:
    """The output matrix of a model in memory."""

    def __init__(self, model: Any) -> None:
        self._layer = without_adapters(model).get_output_embeddings()

    def rows(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """See `Head`."""
        bias = self._layer.bias
        return self._layer.weight[start:stop], None if bias is None else bias[start:stop]


class FileHead:
    """The output matrix of a model's files.

    Args:
        files: The model's files.
        weight: Name of the matrix.
        bias: Name of its bias; empty if it has none.
        like: A model of the same kind in memory, whose number format and device are used.
    """

    def __init__(self, files: TensorReader, weight: str, bias: str, like: Any) -> None:
        self._files, self._weight, self._bias = files, weight, bias
        self._dtype, self._device = like.dtype, like.device

    def rows(self, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """See `Head`."""
        return self._read(self._weight, start, stop), (
            self._read(self._bias, start, stop) if self._bias else None
        )

    def _read(self, name: str, start: int, stop: int) -> torch.Tensor:
        rows: torch.Tensor = self._files.rows(name, start, stop)
        return rows.to(self._dtype).to(self._device)


def last_states(model: Any, asked: Sequence[Asked]) -> torch.Tensor:
    """Return the states that every drawn token was predicted from, [T, D].

    Several at once, padded at the end, which nothing before it attends to. The same completions
    always make the same batches, so that rounding is the same for the base and for the model.

    Args:
        model: The model, in evaluation mode.
        asked: Prompts and completions; those of similar length stand together.
    """
    import torch

    bare = without_adapters(model)
    states = []
    for batch in _batches([len(item.read) for item in asked]):
        some = asked[batch]
        longest = max(len(item.read) for item in some)
        ids = [[*item.read, *[0] * (longest - len(item.read))] for item in some]
        ids_BT = torch.tensor(ids, device=bare.device)
        output_BTD = bare.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
        for item, output_TD in zip(some, output_BTD, strict=True):
            states.append(output_TD[len(item.read) - item.positions : len(item.read)])
    return torch.cat(states)


def own_logits(model: Any, item: Asked) -> torch.Tensor:
    """Return a model's logits of every drawn token by its own forward pass, fp32 [T, V]."""
    import torch

    bare = without_adapters(model)
    ids_1T = torch.tensor([item.read], device=bare.device)
    # A trainer has the model compute in its own number format; the base was read in the weights'.
    forward = getattr(bare, "_original_forward", bare)
    logits: torch.Tensor = forward(input_ids=ids_1T, use_cache=False).logits
    return logits[0, -item.positions :].float()


def block_logits(
    states_TD: torch.Tensor, head: Head, start: int, stop: int, config: Any
) -> torch.Tensor:
    """Return logits of a block of the vocabulary, fp32 [T, C].

    The product is taken in float32 whatever the model's number format: bfloat16 would round the
    logits of two models differently, which looks like a KL of some 1e-4 nats.

    Args:
        states_TD: Last states.
        head: The output matrix.
        start: First token of the block.
        stop: The token after its last.
        config: The configuration of the language model, which says what else is done to logits.
    """
    weight_CD, bias_C = head.rows(start, stop)
    logits = states_TD.float() @ weight_CD.float().T
    return adjusted(logits if bias_C is None else logits + bias_C.float(), config)


def blocks(vocabulary: int, positions: int) -> Iterator[tuple[int, int]]:
    """Divide a vocabulary so that the logits of a block fit the memory set aside for them."""
    size = max(1, _BLOCK_BYTES // (4 * positions))
    for start in range(0, vocabulary, size):
        yield start, min(start + size, vocabulary)


def _batches(lengths: Sequence[int]) -> Iterator[slice]:
    """Divide neighbours into batches of at most so many tokens, padding included."""
    start = longest = 0
    for place, length in enumerate(lengths):
        longest = max(longest, length)
        if place > start and longest * (place + 1 - start) > _BATCH_TOKENS:
            yield slice(start, place)
            start, longest = place, length
    yield slice(start, len(lengths))
