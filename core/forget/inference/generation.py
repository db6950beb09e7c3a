"""Completions from a model in memory by transformers' own generation loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from forget.completion import Completion, Sampling
from forget.errors import ModelError, WorkError
from forget.inference.loading import Loaded

if TYPE_CHECKING:
    import torch

__all__ = ["complete", "stop_ids"]


def complete(loaded: Loaded, prompts: Sequence[str], sampling: Sampling) -> list[Completion]:
    """Write one completion for each rendered prompt, all in one batch.

    Args:
        loaded: Model and tokenizer.
        prompts: Rendered prompts: special tokens are taken as they stand, none are added.
        sampling: How to draw.

    Raises:
        WorkError: A prompt leaves no room in the model's context window.
        ModelError: The tokenizer has no token to pad with.
    """
    import torch

    tokenizer = loaded.tokenizer
    encoded = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    _check_room(loaded.model, max(map(len, encoded)), sampling)
    ids_BT, mask_BT = _left_pad(encoded, _pad_id(tokenizer), loaded.model.device)
    torch.manual_seed(sampling.seed)
    with torch.inference_mode():
        out_BT = loaded.model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=_pad_id(tokenizer),
            **_options(sampling),
        )
    stops = stop_ids(loaded)
    new = out_BT[:, ids_BT.shape[1] :].tolist()
    return [_completion(tokenizer, tokens, stops) for tokens in new]


def _options(sampling: Sampling) -> dict[str, Any]:
    # All set, also when greedy: a model's generation_config may ask for other things on its own.
    plain = {"num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
    if sampling.temperature == 0:
        return {**plain, "do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {
        **plain,
        "do_sample": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
    }


def _left_pad(
    encoded: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, [B, T], padded on the left so that all end together."""
    import torch

    length = max(map(len, encoded))
    ids = [[pad] * (length - len(row)) + list(row) for row in encoded]
    mask = [[0] * (length - len(row)) + [1] * len(row) for row in encoded]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _completion(tokenizer: Any, tokens: list[int], stops: set[int]) -> Completion:
    """Cut at the first stop token; without one, the completion was cut by the length limit."""
    end = next((i for i, token in enumerate(tokens) if token in stops), None)
    kept = tokens if end is None else tokens[:end]
    return Completion(
        text=tokenizer.decode(kept, skip_special_tokens=True),
        finished=end is not None,
        tokens=len(tokens) if end is None else end + 1,
    )


def stop_ids(loaded: Loaded) -> set[int]:
    """Return the tokens that end a completion: those of the model and of its tokenizer."""
    configured = loaded.model.generation_config.eos_token_id
    stops = set(configured) if isinstance(configured, list) else {configured}
    return (stops | {loaded.tokenizer.eos_token_id}) - {None}


def _pad_id(tokenizer: Any) -> int:
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if candidate is not None:
            return int(candidate)
    raise ModelError("The tokenizer has neither a padding nor an end-of-text token.")


def _check_room(model: Any, prompt_tokens: int, sampling: Sampling) -> None:
    window = getattr(model.config, "max_position_embeddings", None)
    if window is not None and prompt_tokens + sampling.max_new_tokens > window:
        raise WorkError(
            f"A prompt of {prompt_tokens} tokens and {sampling.max_new_tokens} new ones do not fit "
            f"the model's context window of {window} tokens."
        )
