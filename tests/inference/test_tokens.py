"""Token by token what lm-eval's own `hf` model hands to a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forget.errors import DataError
from forget.inference.engine import Score
from forget.inference.tokens import context_window, encode_prompts, encode_scores
from inference.families import begin_texts_with
from tiny_models import make_tokenizer

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
PIECES = ["What", " is", " ", "  ", "\n", "1 +", "é", "😀", "plus", *SPECIAL]
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
continuations = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
contexts = st.one_of(st.just(""), texts)

Builder = Callable[[], Any]


def plain() -> Any:
    """No token of its own at the beginning: the end of a turn stands for an empty context."""
    return make_tokenizer()


def known_beginning() -> Any:
    """A token for the beginning, which is not added to texts, as Qwen's and SmolLM2's."""
    tokenizer = make_tokenizer()
    tokenizer.bos_token = "<|endoftext|>"
    return tokenizer


def added_beginning() -> Any:
    """A token that is added at the beginning of every text, as Llama's and Gemma's."""
    return begin_texts_with(make_tokenizer(), "<|endoftext|>")


def another_beginning() -> Any:
    """A token that is added, but is none that the tokenizer knows as the beginning of a text."""
    tokenizer = begin_texts_with(make_tokenizer(), "<|im_start|>")
    tokenizer.bos_token = None
    return tokenizer


BUILDERS: list[Builder] = [plain, known_beginning, added_beginning, another_beginning]


class Encoded(NamedTuple):
    """What a model reads, what is predicted, and how many tokens were cut off."""

    tokens: list[int]
    targets: list[int]
    dropped: int


class Stock:
    """lm-eval's own model with a model that only notes what it is given."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        from forget.evaluation.harness import hf_model

        model = AutoModelForCausalLM.from_pretrained(folder)
        self._lm = hf_model(model, make_tokenizer(), 1)
        self._read: list[list[int]] = []
        self._asked: list[Any] = []
        ask = self._lm._loglikelihood_tokens

        def note_request(requests: Sequence[Any], **options: Any) -> Any:
            self._asked.extend(requests)
            return ask(requests, **options)

        def note_input(inputs: Any, **_: Any) -> Any:
            self._read.extend(inputs.tolist())
            return torch.zeros(*inputs.shape, 50_000)

        self._lm._loglikelihood_tokens = note_request
        self._lm._model_call = note_input

    def encode(self, tokenizer: Any, request: Score, window: int) -> Encoded:
        self._lm.tokenizer = tokenizer
        self._lm._max_length = window
        self._read.clear()
        self._asked.clear()
        instance = type("Instance", (), {"args": (request.context, request.continuation)})
        self._lm.loglikelihood([instance], disable_tqdm=True)
        (_, context, targets), (tokens,) = self._asked[0], self._read
        return Encoded(tokens, targets, len(context) + len(targets) - 1 - len(tokens))


@pytest.fixture(scope="module")
def stock(tiny_model: Path) -> Stock:
    return Stock(tiny_model)


def encode(tokenizer: Any, requests: Sequence[Score], window: int = 512) -> list[Encoded]:
    return [
        Encoded(list(item.tokens), list(item.targets), item.dropped)
        for item in encode_scores(tokenizer, requests, window)
    ]


# --- log-likelihoods


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDERS)
def test_tokens_are_those_of_lm_eval(build: Builder, stock: Stock) -> None:
    tokenizer = build()

    @settings(deadline=None, max_examples=150)
    @given(contexts, continuations)
    @example("", "alone")
    @example("What is", " 1 +")
    @example("What is ", "1 +")
    @example("What is \n ", "1 +")
    @example("", "<|endoftext|>What is")
    @example("<|endoftext|>What", " is")
    @example("<|im_end|>What", " is")
    @example("", "<|im_end|>What")
    def check(context: str, continuation: str) -> None:
        if context and not context.strip() and not tokenizer("")["input_ids"]:
            return  # lm-eval stops here, see below
        request = Score(context, continuation)
        try:
            expected = stock.encode(tokenizer, request, 512)
        except AssertionError:  # nothing to score or nothing to condition on
            with pytest.raises(DataError):
                encode(tokenizer, [request])
        else:
            assert encode(tokenizer, [request]) == [expected]

    check()


@pytest.mark.parametrize("context", [" ", "\n", " \n "])
def test_a_context_of_spaces_alone_after_a_beginning(context: str, stock: Stock) -> None:
    """The spaces move to the continuation, and the beginning is what is left."""
    tokenizer = added_beginning()
    request = Score(context, "plus")
    (found,) = encode(tokenizer, [request])
    assert found.tokens[0] == tokenizer.bos_token_id
    assert found == stock.encode(tokenizer, request, 512)


@pytest.mark.parametrize("build", [plain, known_beginning])
@pytest.mark.parametrize("context", [" ", "  ", "\n"])
def test_a_context_of_spaces_alone_without_a_beginning(build: Builder, context: str) -> None:
    """lm-eval stops there, as nothing is left to condition on; all of the continuation counts."""
    tokenizer = build()
    (found,) = encode(tokenizer, [Score(context, "plus")])
    assert found.tokens
    assert tokenizer.decode(found.targets).endswith("plus")
    assert found.dropped == 0


@pytest.mark.parametrize("build", BUILDERS)
def test_requests_are_encoded_together_as_alone(build: Builder) -> None:
    """Equal texts are tokenised once, whichever of them are contexts or continuations."""
    tokenizer = build()
    asked = ["", "What", "What is", " is", "<|endoftext|>What", " plus", "What is plus"]
    requests = [Score(one, other) for one in asked for other in asked if other]
    together = encode(tokenizer, [*requests, *requests[:5]])
    assert together == [encode(tokenizer, [r])[0] for r in [*requests, *requests[:5]]]


def test_no_requests() -> None:
    assert encode(plain(), []) == []


# --- the window


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 3, 10])
def test_what_does_not_fit_is_cut_off_on_the_left(build: Builder, extra: int, stock: Stock) -> None:
    """A window of n tokens holds n + 1 of them, as the last one is only predicted."""
    tokenizer = build()
    request = Score("What is 1 + 2? step by step user", " plus is 3")
    length = len(encode(tokenizer, [request])[0].tokens)
    (found,) = encode(tokenizer, [request], length - extra)
    assert found == stock.encode(tokenizer, request, length - extra)
    assert found.dropped == max(0, extra)
    assert len(found.tokens) == min(length, length - extra)


def test_a_continuation_that_just_fits(stock: Stock) -> None:
    tokenizer = plain()
    request = Score("What is 1 + 2?", " plus is 3")
    targets = encode(tokenizer, [request])[0].targets
    (found,) = encode(tokenizer, [request], len(targets))
    assert found == stock.encode(tokenizer, request, len(targets))
    assert found.targets == targets
    assert found.tokens[1:] == targets[:-1]


def test_a_continuation_longer_than_the_window() -> None:
    tokenizer = plain()
    request = Score("What is 1 + 2?", " plus is 3")
    length = len(encode(tokenizer, [request])[0].targets)
    with pytest.raises(DataError) as caught:
        encode(tokenizer, [Score("a", " b"), request], length - 1)
    message = str(caught.value)
    assert f"A continuation of {length} tokens (' plus is 3' ...)" in message
    assert f"window of {length - 1} tokens" in message


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("context", ["What is 1 + 2?", ""])
def test_an_empty_continuation(build: Builder, context: str) -> None:
    with pytest.raises(DataError, match="empty continuation") as caught:
        encode(build(), [Score("a", " b"), Score(context, "")])
    assert repr(context) in str(caught.value)


def test_a_continuation_that_is_the_beginning_alone() -> None:
    """It stands for the context then, and leaves nothing to score."""
    tokenizer = added_beginning()
    with pytest.raises(DataError, match="empty continuation") as caught:
        encode(tokenizer, [Score("", tokenizer.bos_token)])
    assert repr(tokenizer.bos_token) in str(caught.value)


CONFIGS = {
    "plain": {"model_type": "llama", "max_position_embeddings": 300},
    "another name": {"model_type": "gpt2", "n_positions": 300},
    "that of the text": {
        "model_type": "gemma3",
        "text_config": {"model_type": "gemma3_text", "max_position_embeddings": 300},
    },
    "a default": {"model_type": "gpt2"},
    "a default of the text": {
        "model_type": "gemma3",
        "text_config": {"model_type": "gemma3_text"},
    },
    "a name of the family's own": {"model_type": "dbrx", "max_seq_len": 300},
    "none": {"model_type": "bloom"},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("limit", [None, 700])
def test_the_window_is_the_one_that_lm_eval_finds(
    config: dict[str, Any], limit: int | None, tmp_path: Path
) -> None:
    from lm_eval.models.utils import resolve_max_length
    from transformers import AutoConfig

    (tmp_path / "config.json").write_text(json.dumps(config))
    tokenizer = make_tokenizer()
    if limit is not None:
        tokenizer.model_max_length = limit
    expected = resolve_max_length(AutoConfig.from_pretrained(tmp_path), tokenizer)
    assert context_window(tmp_path, tokenizer) == expected


# --- prompts


@pytest.mark.parametrize("build", BUILDERS)
def test_prompts_are_encoded_as_lm_eval_does(build: Builder, stock: Stock) -> None:
    tokenizer = build()
    prompts = ["What is 1 + 2?", "What is 1 + 2?", " step ", "<|endoftext|>What is"]
    stock._lm.tokenizer = tokenizer
    expected = [
        tuple(stock._lm.tok_batch_encode([prompt], left_truncate_len=6)[0][0].tolist())
        for prompt in prompts
    ]
    assert encode_prompts(tokenizer, prompts, 6, special=True) == expected
    assert max(map(len, expected)) == 6


def test_rendered_prompts_get_no_special_tokens() -> None:
    tokenizer = added_beginning()
    prompts = ["What", "<|im_start|>user"]
    (what, rendered) = encode_prompts(tokenizer, prompts, 100, special=False)
    assert tokenizer.bos_token_id not in (*what, *rendered)
    assert rendered[0] == tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert encode_prompts(tokenizer, prompts, 1, special=False) == [what[-1:], rendered[-1:]]


@pytest.mark.slow
def test_tokens_of_a_real_tokenizer(smollm2: Path, stock: Stock) -> None:
    from forget.inference.loading import load_tokenizer

    tokenizer = load_tokenizer(smollm2)
    window = context_window(smollm2, tokenizer)
    passage = "Ice melts at 0 °C. Übung macht den Meister; 東京は日本の首都です。\n\n" * 3
    requests = [
        Score("", "The capital of France is Paris."),
        Score("Question: What is the capital of France?\nAnswer:", " Paris"),
        Score("Question: What is the capital of France?\nAnswer: ", "Paris"),
        Score("<|endoftext|>Once", " upon a time"),
        Score("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "Hello!"),
        Score(passage, " 😀 naïve"),
        Score(passage * 300, " the end"),
    ]
    found = encode(tokenizer, requests, window)
    assert found == [stock.encode(tokenizer, request, window) for request in requests]
    assert [item.dropped > 0 for item in found] == [False] * 6 + [True]
