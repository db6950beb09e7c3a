"""Completions from a model in memory by transformers' own generation loop."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from forget.completion import Completion, Sampling
from forget.errors import ModelError, WorkError
from forget.inference.loading import Loaded
from forget.inference.sampling import Draw, draw_tokens
from forget.inference.writing import cut_at_stops, has_stop

if TYPE_CHECKING:
    import torch

__all__ = ["complete", "read_completion", "stop_ids", "stop_ids_of", "write_tokens"]


def complete(
    loaded: Loaded,
    prompts: Sequence[str],
    sampling: Sampling,
    seeds: Sequence[int] | None = None,
) -> list[Completion]:
    """Write one completion for each rendered prompt, all in one batch.

    Args:
        loaded: Model and tokenizer.
        prompts: Rendered prompts: special tokens are taken as they stand, none are added.
        sampling: How to draw.
        seeds: The seed of each prompt; that of `sampling` for all if None.

    Raises:
        WorkError: A prompt leaves no room in the model's context window.
        ModelError: The tokenizer has no token to pad with.
    """
    tokenizer = loaded.tokenizer
    encoded = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    each = seeds or [sampling.seed] * len(prompts)
    draws = [
        Draw(attrs.evolve(sampling, seed=seed), prompt)
        for prompt, seed in zip(prompts, each, strict=True)
    ]
    ends = stop_ids(loaded)
    written = write_tokens(loaded, encoded, draws)
    return [read_completion(tokenizer, tokens, ends, sampling.stops) for tokens in written]


def write_tokens(
    loaded: Loaded, prompts: Sequence[Sequence[int]], draws: Sequence[Draw]
) -> list[list[int]]:
    """Write the tokens of one completion for each tokenised prompt, all in one batch.

    Args:
        loaded: Model and tokenizer.
        prompts: Token ids, each at least one.
        draws: How each prompt's tokens are drawn; alike but for seed and name.

    Returns:
        What each row holds after its prompt: a completion that has ended goes on with padding
        until all have.

    Raises:
        WorkError: A prompt leaves no room in the model's context window.
        ModelError: The tokenizer has no token to pad with.
    """
    import torch

    tokenizer, sampling = loaded.tokenizer, draws[0].sampling
    _check_room(loaded.model, max(map(len, prompts)), sampling)
    ids_BT, mask_BT = _left_pad(prompts, _pad_id(tokenizer), loaded.model.device)
    with torch.inference_mode():
        out_BT = loaded.model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=_pad_id(tokenizer),
            logits_processor=[_Drawing(draws, ids_BT.shape[1])] if sampling.temperature else [],
            **_PLAIN,
            **(
                {"stop_strings": list(sampling.stops), "tokenizer": tokenizer}
                if sampling.stops
                else {}
            ),
        )
    new: list[list[int]] = out_BT[:, ids_BT.shape[1] :].tolist()
    return new


_PLAIN = {
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "do_sample": False,
    "temperature": None,
    "top_p": None,
    "top_k": None,
}
"""All of them set: a model's generation_config may ask for other things on its own."""


class _Drawing:
    """Leaves greedy decoding one token to choose: the one drawn for each row.

    transformers' own drawing has one stream of random numbers for a batch, so a completion would
    depend on what is written beside it; these are the built-in engine's.
    """

    def __init__(self, draws: Sequence[Draw], start: int) -> None:
        self._draws = draws
        self._start = start

    def __call__(self, ids_BT: torch.Tensor, scores_BV: torch.Tensor) -> torch.Tensor:
        """Return scores of which one a row is finite."""
        import torch

        position = ids_BT.shape[1] - self._start
        chosen = draw_tokens(scores_BV.float(), [(draw, position) for draw in self._draws])
        only_BV = torch.full_like(scores_BV, -torch.inf)
        places_B1 = torch.tensor(chosen, device=scores_BV.device)[:, None]
        return only_BV.scatter_(1, places_B1, 0.0)


def _left_pad(
    encoded: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, [B, T], padded on the left so that all end together."""
    import torch

    length = max(map(len, encoded))
    ids = [[pad] * (length - len(row)) + list(row) for row in encoded]
    mask = [[0] * (length - len(row)) + [1] * len(row) for row in encoded]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def read_completion(
    tokenizer: Any, tokens: Sequence[int], ends: set[int], stops: tuple[str, ...] = ()
) -> Completion:
    """Return the completion that drawn tokens are.

    It is cut at the first end token or stop text; without one, the length limit cut it.

    Args:
        tokenizer: The model's tokenizer.
        tokens: What was drawn; padding may follow.
        ends: The tokens that end a completion, see `stop_ids`.
        stops: Texts that do.
    """
    end = next((i for i, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[:end]
    length = len(tokens) if end is None else end + 1
    if stops and has_stop(tokenizer.decode(kept), stops):
        # A row that has ended is padded until the others have: the stop text tells where.
        length = bisect_left(
            range(len(kept)), True, lo=1, key=lambda n: has_stop(tokenizer.decode(kept[:n]), stops)
        )
        kept, end = kept[:length], length
    text = cut_at_stops(tokenizer.decode(kept, skip_special_tokens=True), stops)
    return Completion(text=text, finished=end is not None, tokens=length)


def stop_ids(loaded: Loaded) -> set[int]:
    """Return the tokens that end a completion: those of the model and of its tokenizer."""
    return _ends(loaded.model.generation_config, loaded.tokenizer)


def stop_ids_of(folder: Path, tokenizer: Any) -> set[int]:
    """Return the tokens that end a completion of a model folder, without loading the model."""
    from transformers import AutoConfig, GenerationConfig

    if (folder / "generation_config.json").is_file():
        return _ends(GenerationConfig.from_pretrained(folder), tokenizer)
    config = AutoConfig.from_pretrained(folder)
    return _ends(GenerationConfig.from_model_config(config), tokenizer)


def _ends(generation: Any, tokenizer: Any) -> set[int]:
    configured = generation.eos_token_id
    ends = set(configured) if isinstance(configured, list) else {configured}
    return (ends | {tokenizer.eos_token_id}) - {None}


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
