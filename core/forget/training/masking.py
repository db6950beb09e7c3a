"""Conversations as token ids with the mask that says which of them are in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from forget.completion import Completion, Message
from forget.errors import ModelError
from forget.inference.chat import render_prompt

__all__ = ["Encoded", "encode", "encode_prompt", "encode_written"]


class Encoded(NamedTuple):
    """One example as the trainer sees it; both lists have the same length.

    Attributes:
        input_ids: Prompt, completion, end of turn.
        completion_mask: 1 where the token is in the loss, 0 in the prompt.
    """

    input_ids: list[int]
    completion_mask: list[int]


def encode(tokenizer: Any, prompt: Sequence[Message], completion: str) -> Encoded:
    """Tokenise a conversation so that the model learns the completion and to end its turn.

    The prompt is rendered as it is when the model is asked (`forget.inference.chat`), so a
    thinking template's empty thinking block belongs to the prompt and is not in the loss: the
    default rendering of TRL would train on it. Whatever the template puts after the end-of-turn
    token (a newline, mostly) is left out, as a model never writes it. White space around the
    completion is removed, which most templates do anyway. A completion that starts with thoughts
    (``<think>``) is rendered as the answer of a thinking model, and its thoughts are in the loss.

    Args:
        tokenizer: The model's tokenizer.
        prompt: The messages before the completion.
        completion: The text to learn.

    Raises:
        ModelError: The chat template does not render the completion right after the prompt, or
            the tokenizer has no token that ends a turn.
    """
    completion = completion.strip()
    prompt_text = render_prompt(tokenizer, prompt, thinking=_thinks(completion))
    target = _target(tokenizer, prompt, prompt_text, completion)
    prompt_ids = _ids(tokenizer, prompt_text)
    joint_ids = _ids(tokenizer, prompt_text + target)
    if joint_ids[: len(prompt_ids)] == prompt_ids:
        target_ids = joint_ids[len(prompt_ids) :]
    else:
        # A token would span the border. When it answers, the model continues from the prompt's
        # own tokens, so these stay as they are and the completion is tokenised by itself.
        target_ids = _ids(tokenizer, target)
        if tokenizer.decode(prompt_ids + target_ids) != tokenizer.decode(joint_ids):
            raise ModelError(
                f"The tokenizer of {_name(tokenizer)} cannot split a prompt from its completion: "
                f"the tokens around {prompt_text[-20:] + target[:20]!r} change the text."
            )
    return Encoded(
        input_ids=prompt_ids + target_ids,
        completion_mask=[0] * len(prompt_ids) + [1] * len(target_ids),
    )


def encode_written(tokenizer: Any, prompt: Sequence[Message], completion: Completion) -> Encoded:
    """Tokenise what the model itself wrote for a prompt, to the letter.

    White space stays, and a completion that was cut at its length limit gets no end of turn, for
    the model wrote none. The tokens are those that the tokenizer makes of the text, which for a
    few completions are not those that were drawn.

    Args:
        tokenizer: The model's tokenizer.
        prompt: The messages that were asked.
        completion: The answer.

    Raises:
        ModelError: The tokenizer has no token that ends a turn.
    """
    prompt_text = render_prompt(tokenizer, prompt)
    prompt_ids = _ids(tokenizer, prompt_text)
    target_ids = _ids(tokenizer, completion.text)
    if completion.finished:
        target_ids += _ids(tokenizer, _target(tokenizer, prompt, prompt_text, "1")[1:])
    return Encoded(
        input_ids=prompt_ids + target_ids,
        completion_mask=[0] * len(prompt_ids) + [1] * len(target_ids),
    )


def encode_prompt(tokenizer: Any, prompt: Sequence[Message]) -> list[int]:
    """Tokenise what a model is given before it writes."""
    return _ids(tokenizer, render_prompt(tokenizer, prompt))


def _target(tokenizer: Any, prompt: Sequence[Message], prompt_text: str, completion: str) -> str:
    """Return the completion with the end of turn, as the template writes them."""
    if getattr(tokenizer, "chat_template", None) is None:
        return completion + _eos(tokenizer)
    answer: Message = {"role": "assistant", "content": completion}
    whole: str = tokenizer.apply_chat_template(
        [*prompt, answer],
        tokenize=False,
        add_generation_prompt=False,
        enable_thinking=_thinks(completion),
    )
    expected = prompt_text + completion
    if not whole.startswith(expected):
        raise ModelError(_mismatch(tokenizer, expected, whole))
    return completion + _end_of_turn(tokenizer, whole[len(expected) :])


def _thinks(completion: str) -> bool:
    return completion.startswith("<think>")


def _end_of_turn(tokenizer: Any, tail: str) -> str:
    """Return the tail of a rendering up to its first special token, that token included."""
    special = [str(t) for t in tokenizer.added_tokens_decoder.values() if t.special]
    special.append(tokenizer.eos_token or "")
    ends = [tail.index(token) + len(token) for token in special if token and token in tail]
    return tail[: min(ends)] if ends else _eos(tokenizer)


def _eos(tokenizer: Any) -> str:
    if not tokenizer.eos_token:
        raise ModelError(
            f"The tokenizer of {_name(tokenizer)} has no end-of-sequence token, so a model could "
            "not learn to stop. Set eos_token in its tokenizer_config.json."
        )
    return str(tokenizer.eos_token)


def _ids(tokenizer: Any, text: str) -> list[int]:
    # Special tokens are part of the rendered text; the tokenizer must not add a second BOS.
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _mismatch(tokenizer: Any, expected: str, whole: str) -> str:
    same = next(
        (i for i, (a, b) in enumerate(zip(expected, whole, strict=False)) if a != b),
        min(len(expected), len(whole)),
    )
    return (
        f"The chat template of {_name(tokenizer)} does not render a completion right after its "
        f"prompt, so the loss cannot be limited to the completion: expected "
        f"{expected[same : same + 40]!r} after {expected[max(0, same - 40) : same]!r}, but the "
        f"template writes {whole[same : same + 40]!r}. Use a template whose generation prompt is "
        "a prefix of its rendering, and completions without thinking blocks."
    )


def _name(tokenizer: Any) -> str:
    return str(getattr(tokenizer, "name_or_path", "") or "the model")
