"""What is asked to be written: lm-eval's ``generate_until`` or a completion of ours, as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from forget.completion import Completion, Sampling
from forget.errors import WorkError
from forget.inference.engine import Complete, Generate
from forget.inference.tokens import encode_prompts

__all__ = [
    "Prompt",
    "Writing",
    "as_answer",
    "as_writing",
    "cut_at_stops",
    "encode_writing",
    "has_stop",
]

_MAX_GEN_TOKS = 256
_LENGTH_NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_KNOWN = {"until", "do_sample", "temperature", "top_p", "top_k", *_LENGTH_NAMES}


@attrs.frozen(kw_only=True)
class Writing:
    """A text to be written.

    Attributes:
        prompt: The text before it.
        special: The tokenizer adds its special tokens to the prompt.
        sampling: How it is drawn, and its greatest length.
        stops: Texts that end it.
        cut: The prompt may be cut on the left to make room; else it is an error.
    """

    prompt: str
    special: bool
    sampling: Sampling
    stops: tuple[str, ...] = ()
    cut: bool = False


@attrs.frozen
class Prompt:
    """A text to be written, tokenised.

    Attributes:
        tokens: The prompt's token ids.
        writing: What is asked for.
        dropped: Tokens cut off on the left, because the context window holds no more.
    """

    tokens: tuple[int, ...]
    writing: Writing
    dropped: int

    @property
    def longest(self) -> int:
        """Greatest length of prompt and completion [tokens]."""
        return len(self.tokens) + self.writing.sampling.max_new_tokens


def encode_writing(tokenizer: Any, writing: Writing, window: int) -> Prompt:
    """Tokenise a prompt so that its completion fits the context window [tokens].

    Raises:
        WorkError: It is empty, or leaves no room and must not be cut.
    """
    room = window - writing.sampling.max_new_tokens
    (tokens,) = encode_prompts(tokenizer, [writing.prompt], None, special=writing.special)
    if not tokens:
        raise WorkError("A prompt is empty: there is no token for a model to go on from.")
    if room < 1 or (len(tokens) > room and not writing.cut):
        raise WorkError(
            f"A prompt of {len(tokens)} tokens and {writing.sampling.max_new_tokens} new ones do "
            f"not fit the model's context window of {window} tokens."
        )
    return Prompt(tokens[-room:], writing, max(0, len(tokens) - room))


def as_answer(tokenizer: Any, writing: Writing, tokens: Sequence[int], *, finished: bool) -> Any:
    """Return the answer to a request from the tokens written, the ending token left out.

    The tokens of a stop text are counted, as the ending token is: the model wrote them.
    """
    text = cut_at_stops(tokenizer.decode(tokens, skip_special_tokens=True), writing.stops)
    if writing.special:
        return text
    # Looked for as the engines do, with special tokens: a stop text may be one.
    stopped = bool(writing.stops) and has_stop(tokenizer.decode(tokens), writing.stops)
    ended = finished and not stopped
    return attrs.asdict(Completion(text=text, finished=finished, tokens=len(tokens) + ended))


def as_writing(request: Generate | Complete) -> Writing:
    """Bring both kinds of requests to one form.

    Raises:
        WorkError: lm-eval's options ask for something else than greedy decoding or sampling.
    """
    if isinstance(request, Complete):
        return Writing(
            prompt=request.prompt,
            special=False,
            sampling=request.sampling,
            stops=tuple(stop for stop in request.sampling.stops if stop),
        )
    options = request.options
    until = options.get("until") or ()
    return Writing(
        prompt=request.prompt,
        special=True,
        sampling=_sampling(options),
        stops=(until,) if isinstance(until, str) else tuple(stop for stop in until if stop),
        cut=True,
    )


def cut_at_stops(text: str, stops: tuple[str, ...]) -> str:
    """Return the text before the first stop, as lm-eval's ``postprocess_generated_text`` does."""
    for stop in stops:
        text = text.split(stop, maxsplit=1)[0]
    return text


def has_stop(text: str, stops: Sequence[str]) -> bool:
    """Tell whether a text holds a stop text."""
    return any(stop in text for stop in stops)


def _sampling(options: Mapping[str, Any]) -> Sampling:
    """Read lm-eval's options as its ``normalize_gen_kwargs`` does (lm_eval/models/utils.py)."""
    unknown = sorted(options.keys() - _KNOWN)
    if unknown:
        raise WorkError(
            f"A benchmark asks for generation with {', '.join(unknown)}, which the built-in engine "
            "does not know. Evaluate it with --engine stock."
        )
    length = next((options[name] for name in _LENGTH_NAMES if options.get(name)), _MAX_GEN_TOKS)
    temperature = float(options.get("temperature") or 0.0)
    if options.get("do_sample") is False:
        temperature = 0.0
    elif options.get("do_sample") and not options.get("temperature"):
        temperature = 1.0
    return Sampling(
        max_new_tokens=int(length),
        temperature=temperature,
        top_p=float(options.get("top_p") or 1.0),
        top_k=int(options.get("top_k") or 0),
    )
