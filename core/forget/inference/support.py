"""Whether the built-in engine can run a model: by its configuration, then by trying.

What cannot be run is refused with the reason; `--engine stock` runs whatever transformers runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forget.errors import UnsupportedModelError
from forget.inference.attention import NAME, Attender, attending
from forget.inference.column_attention import Columns
from forget.inference.forest import build_forest
from forget.inference.forest_attention import layout
from forget.inference.loading import ATTENTION
from forget.inference.scoring import final_logits

if TYPE_CHECKING:
    import torch

__all__ = ["try_out", "unsupported"]

_TOLERANCE = {"float32": 2e-3, "bfloat16": 0.5, "float16": 0.1}
"""Greatest difference of a log-probability that is taken for rounding [nats]."""


def unsupported(folder: Path) -> str | None:
    """Say from its configuration alone why a model cannot be run; None if nothing speaks against.

    Args:
        folder: A model folder; that of an adapter's base for an adapter.
    """
    file = folder / "config.json"
    if not file.is_file():
        return None
    whole = json.loads(file.read_text(encoding="utf-8"))
    config = {**whole, **(whole.get("text_config") or {})}
    kinds = _rope_kinds(config.get("rope_parameters") or config.get("rope_scaling"))
    if whole.get("is_encoder_decoder"):
        return "it is an encoder-decoder model"
    if config.get("attn_logit_softcapping"):
        return "its attention scores are capped (attn_logit_softcapping)"
    if config.get("alibi") or config.get("model_type") in ("bloom", "mpt"):
        return "its positions are biases of its attention (ALiBi)"
    for kind in ("dynamic", "longrope", "su"):  # "su" is an older name of longrope
        if kind in kinds:
            return f"its positions depend on the length of the longest input ({kind})"
    return None


def _rope_kinds(rope: Any) -> set[str]:
    """Collect the kinds of rotary positions, also where each kind of layer has its own."""
    if not isinstance(rope, dict):
        return set()
    nested = [kind for value in rope.values() for kind in _rope_kinds(value)]
    return {str(rope[key]) for key in ("rope_type", "type") if key in rope} | set(nested)


def try_out(model: Any) -> None:
    """Compare our attention with the model's own on a few tokens.

    Raises:
        UnsupportedModelError: They differ beyond rounding, or ours cannot be used at all.
    """
    import torch

    vocabulary = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(vocabulary, (24,), generator=generator).tolist()
    # Branches at different depths, a sequence within another, two without a common start.
    sequences = [drawn[:12], drawn[:7] + drawn[12:20], drawn[:9], drawn[20:]]
    try:
        with torch.inference_mode():
            expected = _by_its_own(model, sequences)
            found = {"scoring": _scored(model, sequences), "generation": _grown(model, sequences)}
    except UnsupportedModelError as error:
        raise UnsupportedModelError(_refusal(model, str(error))) from error
    except Exception as error:  # whatever a model that is not of the usual kind does
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UnsupportedModelError(_refusal(model, f"it cannot be run ({reason})")) from error
    tolerance = _TOLERANCE[str(model.dtype).removeprefix("torch.")]
    for purpose, logits in found.items():
        worst = max((a - b).abs().max().item() for a, b in zip(expected, logits, strict=True))
        if not worst <= tolerance:
            raise UnsupportedModelError(
                _refusal(model, f"log-probabilities in {purpose} are off by {worst:.3g}")
            )


def _refusal(model: Any, reason: str) -> str:
    return (
        f"The built-in engine cannot run {type(model).__name__}: {reason}. Evaluate it with "
        "--engine stock."
    )


def _by_its_own(model: Any, sequences: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Return the log-probabilities after each sequence by the model's own attention, [V] each."""
    import torch

    model.set_attn_implementation(ATTENTION)
    try:
        rows = [
            model(input_ids=torch.tensor([list(s)], device=model.device), use_cache=False).logits
            for s in sequences
        ]
    finally:
        model.set_attn_implementation(NAME)
    return [row[0, -1].float().log_softmax(-1) for row in rows]


class _Watched:
    """Passes attention on and remembers the windows that layers ask for."""

    def __init__(self, attender: Attender) -> None:
        self._attender = attender
        self.windows: list[int | None] = []

    def attend(self, *arguments: Any) -> torch.Tensor:
        """See `Attender.attend`."""
        self.windows.append(arguments[-1])
        return self._attender.attend(*arguments)


def _slides(config: Any) -> bool:
    """Say whether a configuration asks for a sliding window in some layer."""
    layers = getattr(config, "layer_types", None)
    return (
        bool(getattr(config, "sliding_window", None))
        and getattr(config, "use_sliding_window", True) is not False
        and (layers is None or "sliding_attention" in layers)
    )


def _scored(model: Any, sequences: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    import torch

    forest = build_forest(sequences)
    watched = _Watched(layout(forest, model.device))
    with attending(watched):
        hidden = model.base_model(
            input_ids=torch.tensor([forest.tokens], device=model.device),
            position_ids=torch.tensor([forest.depths], device=model.device),
            use_cache=False,
        ).last_hidden_state[0]
    if _slides(model.config.get_text_config()) and not any(watched.windows):
        raise UnsupportedModelError("its layers keep their sliding window to themselves")
    last = [path[-1] for path in forest.paths]
    return list(final_logits(model, hidden[last]).log_softmax(-1))


def _grown(model: Any, sequences: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Feed all but the last two tokens at once, padded on the left, then one by one."""
    import torch

    heads = [list(s[:-2]) for s in sequences]
    columns = Columns([len(head) for head in heads], model.device)
    longest = max(map(len, heads))
    steps = [[[0] * (longest - len(head)) + head for head in heads]]
    steps += [[[s[-2]] for s in sequences], [[s[-1]] for s in sequences]]
    with attending(columns):
        for step in steps:
            hidden = model.base_model(
                input_ids=torch.tensor(step, device=model.device),
                position_ids=columns.extend(len(step[0])),
                use_cache=False,
            ).last_hidden_state
    return list(final_logits(model, hidden[:, -1]).log_softmax(-1))
