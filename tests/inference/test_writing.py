"""lm-eval's options for generation, read as its own models read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.completion import Sampling
from forget.errors import WorkError
from forget.inference.engine import Complete, Generate
from forget.inference.writing import Writing, as_answer, as_writing, cut_at_stops
from tiny_models import make_tokenizer

OPTIONS: list[dict[str, Any]] = [
    {},
    {"until": ["\n", "Question:"]},
    {"until": "\n"},
    {"until": []},
    {"until": ["\n"], "do_sample": False},
    {"do_sample": False, "temperature": 0.7},
    {"do_sample": False, "temperature": 0.0},
    {"temperature": 0.7},
    {"temperature": 0.0},
    {"do_sample": True, "temperature": 0.2, "top_p": 0.95},
    {"do_sample": True, "temperature": 1, "top_k": 5},
    {"max_gen_toks": 5},
    {"max_new_tokens": 6},
    {"max_tokens": 7},
    {"max_completion_tokens": 8},
    {"max_new_tokens": "6"},
    {"max_gen_toks": 5, "max_new_tokens": 6, "max_tokens": 7},
    {"max_gen_toks": None, "max_tokens": 7},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_read_as_lm_eval_reads_them(options: dict[str, Any]) -> None:
    from lm_eval.models.utils import normalize_gen_kwargs

    expected = normalize_gen_kwargs(options, 256)
    writing = as_writing(Generate("What is", options))
    assert list(writing.stops) == expected["until"]
    assert writing.sampling.max_new_tokens == expected["max_gen_toks"]
    drawn = expected["do_sample"]
    assert writing.sampling.temperature == (expected["temperature"] if drawn else 0)
    assert writing.sampling.top_p == options.get("top_p", 1)
    assert writing.sampling.top_k == options.get("top_k", 0)


def test_drawing_without_a_temperature() -> None:
    assert as_writing(Generate("", {"do_sample": True})).sampling.temperature == 1


def test_a_stop_that_is_empty_ends_nothing() -> None:
    assert as_writing(Generate("", {"until": ["", "\n"]})).stops == ("\n",)
    assert as_writing(Generate("", {"until": ""})).stops == ()
    assert as_writing(Generate("", {"until": None})).stops == ()


def test_prompts_of_benchmarks_are_cut_and_get_special_tokens() -> None:
    writing = as_writing(Generate("What is", {}))
    assert (writing.prompt, writing.special, writing.cut) == ("What is", True, True)


def test_a_completion_is_asked_for_as_it_stands() -> None:
    sampling = Sampling(max_new_tokens=7, temperature=0.5, top_p=0.9, top_k=3, seed=11)
    assert as_writing(Complete("<|im_start|>user", sampling)) == Writing(
        prompt="<|im_start|>user", special=False, sampling=sampling, stops=(), cut=False
    )


def test_a_completions_stops_are_taken() -> None:
    sampling = Sampling(max_new_tokens=7, stops=("\n", "", "Q:"))
    assert as_writing(Complete("a", sampling)).stops == ("\n", "Q:")


@pytest.mark.parametrize(
    ("text", "finished", "expected", "counted"),
    [
        ("7 and more", True, "7 and more", 1),  # an end token ended it, which is counted
        ("7 and more", False, "7 and more", 0),
        ("7\nQuestion:", True, "7", 0),  # the stop text did, all of whose tokens are there
        ("7\nQuestion: w", True, "7", 0),
        ("7<|im_end|>", True, "7", 0),  # a stop text that is a special token
        ("<|im_start|>7", True, "7", 1),
    ],
)
def test_answers_to_completions(text: str, finished: bool, expected: str, counted: int) -> None:
    tokenizer = make_tokenizer()
    tokens = tokenizer(text)["input_ids"]
    sampling = Sampling(max_new_tokens=9, stops=("\nQuestion:", "<|im_end|>"))
    writing = as_writing(Complete("a", sampling))
    assert as_answer(tokenizer, writing, tokens, finished=finished) == {
        "text": expected,
        "finished": finished,
        "tokens": len(tokens) + counted,
    }


@pytest.mark.parametrize("name", ["num_beams", "repetition_penalty", "max_length"])
def test_options_that_are_not_known(name: str) -> None:
    with pytest.raises(WorkError, match=name) as caught:
        as_writing(Generate("What is", {"until": ["\n"], name: 3}))
    message = str(caught.value)
    assert "--engine stock" in message
    assert "until" not in message


def test_all_options_that_are_not_known_are_named() -> None:
    with pytest.raises(WorkError, match="min_p, num_beams"):
        as_writing(Generate("What is", {"num_beams": 2, "min_p": 0.1}))


stops = st.lists(st.sampled_from(["\n", "ab", "a", "b", "abc", "Q:", "."]), max_size=4)


@settings(deadline=None)
@given(st.text("abcQ:.\n ", max_size=30), stops)
def test_texts_are_cut_as_lm_eval_cuts_them(text: str, stops: list[str]) -> None:
    from lm_eval.models.utils import postprocess_generated_text

    expected = postprocess_generated_text(text, stop=stops, think_end_token=None)
    assert cut_at_stops(text, tuple(stops)) == expected
