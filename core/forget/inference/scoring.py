"""Log-likelihoods of many continuations from one pass over the forest of their prefixes.

Legend: N nodes of the forest, M of them scored, V vocabulary, D hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from forget.inference.attention import attending
from forget.inference.forest import Forest, build_forest
from forget.inference.forest_attention import layout
from forget.inference.tokens import EncodedScore

if TYPE_CHECKING:
    import torch

__all__ = ["LOGITS_BYTES", "LogLikelihood", "adjusted", "final_logits", "score"]

LOGITS_BYTES = 128 * 2**20
"""Memory of the logits that are held at once."""


class LogLikelihood(NamedTuple):
    """What lm-eval's models answer to a request.

    Attributes:
        log_p: Sum of the log-probabilities of the continuation's tokens [nats].
        greedy: Each of its tokens is the most likely one at its place.
    """

    log_p: float
    greedy: bool


class _Targets(NamedTuple):
    """Which tokens are looked up where.

    Attributes:
        nodes: The distinct nodes that predict a target, [M], ascending.
        rows: Row in `nodes` of each lookup.
        tokens: Token of each lookup.
        counts: Number of lookups of each request, in the order of the requests.
    """

    nodes: list[int]
    rows: list[int]
    tokens: list[int]
    counts: list[int]


def score(model: Any, encoded: Sequence[EncodedScore]) -> list[LogLikelihood]:
    """Score requests together; every distinct prefix is computed once.

    The model must have been loaded with the attention of `forest_attention`.

    Args:
        model: A causal language model in evaluation mode.
        encoded: The requests.

    Returns:
        One answer for each request; accumulation is in fp32 whatever the model's number format.
    """
    import torch

    forest = build_forest([request.tokens for request in encoded])
    targets = _targets(forest, encoded)
    device = model.device
    with torch.inference_mode():
        hidden_ND = _hidden(model, forest, device)
        nodes = torch.tensor(targets.nodes, device=device)
        rows = torch.tensor(targets.rows, device=device)
        tokens = torch.tensor(targets.tokens, device=device)
        log_p = torch.empty(len(targets.rows), device=device)
        greedy = torch.empty(len(targets.rows), dtype=torch.bool, device=device)
        # Lookups in the order of their rows, so that each block of logits is used and dropped.
        order = torch.argsort(rows, stable=True)
        for first, logits_MV in _logits(model, hidden_ND[nodes]):
            block = order[_range(rows[order], first, first + len(logits_MV))]
            local = rows[block] - first
            log_z = logits_MV.logsumexp(-1)
            found = logits_MV[local, tokens[block]]
            log_p[block] = found - log_z[local]
            greedy[block] = logits_MV.argmax(-1)[local] == tokens[block]
    answers = []
    log_ps, greedies = iter(log_p.tolist()), iter(greedy.tolist())
    for count in targets.counts:
        total = math.fsum(islice(log_ps, count))
        answers.append(LogLikelihood(total, all(list(islice(greedies, count)))))
    return answers


def final_logits(model: Any, hidden_MD: torch.Tensor) -> torch.Tensor:
    """Apply the vocabulary matrix, and what some families do to its result, in fp32 [M, V]."""
    logits: torch.Tensor = model.get_output_embeddings()(hidden_MD).float()
    return adjusted(logits, model.config.get_text_config())


def adjusted(logits: torch.Tensor, config: Any) -> torch.Tensor:
    """Do what some families do to the product of hidden states and vocabulary matrix.

    Gemma 2 caps logits by ``cap * tanh(x / cap)``, Cohere multiplies, Granite divides them; each
    logit by itself, so that it may be done to a part of the vocabulary.
    """
    cap = getattr(config, "final_logit_softcapping", None)
    if cap is not None:
        logits = (logits / cap).tanh() * cap
    factor = getattr(config, "logit_scale", None) or 1.0
    factor /= getattr(config, "logits_scaling", None) or 1.0
    return logits if factor == 1.0 else logits * factor


def _hidden(model: Any, forest: Forest, device: torch.device) -> torch.Tensor:
    """Run the model's layers over all nodes at once; return their last states [N, D]."""
    import torch

    with attending(layout(forest, device)):
        output = model.base_model(
            input_ids=torch.tensor([forest.tokens], device=device),
            position_ids=torch.tensor([forest.depths], device=device),
            use_cache=False,
        )
    hidden: torch.Tensor = output.last_hidden_state[0]
    return hidden


def _logits(model: Any, hidden_MD: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield (first row, logits [rows, V]) in blocks that fit the memory set aside for them."""
    vocabulary = model.get_output_embeddings().weight.shape[0]
    rows = max(1, LOGITS_BYTES // (4 * vocabulary))
    # Blocks of equal size: a small last one would be computed at a lower rate.
    blocks = math.ceil(len(hidden_MD) / rows)
    first = 0
    for part in hidden_MD.tensor_split(blocks):
        yield first, final_logits(model, part)
        first += len(part)


def _targets(forest: Forest, encoded: Sequence[EncodedScore]) -> _Targets:
    places: list[int] = []
    tokens: list[int] = []
    for path, request in zip(forest.paths, encoded, strict=True):
        places += path[-len(request.targets) :]
        tokens += request.targets
    nodes = sorted(set(places))
    row = {node: index for index, node in enumerate(nodes)}
    counts = [len(request.targets) for request in encoded]
    return _Targets(nodes, [row[node] for node in places], tokens, counts)


def _range(rows: torch.Tensor, first: int, stop: int) -> slice:
    """Return where the sorted `rows` lie in [first, stop)."""
    import torch

    edges = torch.searchsorted(rows, torch.tensor([first, stop], device=rows.device)).tolist()
    return slice(edges[0], edges[1])
