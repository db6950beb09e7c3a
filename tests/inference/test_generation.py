from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Completion, Sampling
from forget.errors import ModelError, WorkError
from forget.inference.generation import complete, stop_ids, stop_ids_of
from forget.inference.loading import Loaded, load_model
from forget.inference.machine import Machine

CPU = Machine(device="cpu", device_name="", dtype="float32")
NEW = 8
GREEDY = Sampling(max_new_tokens=NEW)
PROMPTS = [
    "What is 1 + 2?",
    "step",
    "Tell a long story about nothing at all. What is 3 + 2?",
    "<|im_start|>user\nWhat is 7?<|im_end|>\n<|im_start|>assistant\n",
]


@pytest.fixture
def loaded(lively_model: Path) -> Loaded:
    """A fresh model: tests change its generation settings."""
    return load_model(lively_model, CPU)


def greedy_tokens(loaded: Loaded, prompt: str) -> list[int]:
    """Write greedily by hand: the whole sequence anew for each token, no cache and no padding."""
    import torch

    ids = loaded.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    start = len(ids)
    with torch.no_grad():
        for _ in range(NEW):
            logits_V = loaded.model(torch.tensor([ids])).logits[0, -1]
            ids = [*ids, int(logits_V.argmax())]
    return ids[start:]


def cut(loaded: Loaded, tokens: list[int], *stops: int) -> Completion:
    """Return the completion that ends at the first stop token, by hand."""
    end = next((place for place, token in enumerate(tokens) if token in stops), len(tokens))
    return Completion(
        text=loaded.tokenizer.decode(tokens[:end], skip_special_tokens=True),
        finished=end < len(tokens),
        tokens=min(end + 1, len(tokens)),
    )


def stop_at(loaded: Loaded, prompt: str, place: int) -> int:
    """Return the token that greedy decoding writes first at `place`, to be made a stop token."""
    tokens = greedy_tokens(loaded, prompt)
    assert tokens[place] not in tokens[:place]
    return tokens[place]


# --- greedy


def test_a_completion_is_the_greedy_one_by_hand(loaded: Loaded) -> None:
    for prompt in PROMPTS:
        expected = cut(loaded, greedy_tokens(loaded, prompt), loaded.tokenizer.eos_token_id)
        assert complete(loaded, [prompt], GREEDY) == [expected]


def test_padding_on_the_left_changes_nothing(loaded: Loaded) -> None:
    lengths = {len(loaded.tokenizer(prompt)["input_ids"]) for prompt in PROMPTS}
    assert len(lengths) == len(PROMPTS)
    together = complete(loaded, PROMPTS, GREEDY)
    assert together == [complete(loaded, [prompt], GREEDY)[0] for prompt in PROMPTS]
    assert len({completion.text for completion in together}) == len(PROMPTS)
    assert complete(loaded, PROMPTS[::-1], GREEDY) == together[::-1]


def test_special_tokens_are_taken_as_they_stand_and_none_are_added(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    generate = loaded.model.generate

    def watch(**options: Any) -> Any:
        seen.append((options["input_ids"].tolist(), options["attention_mask"].tolist()))
        return generate(**options)

    monkeypatch.setattr(loaded.model, "generate", watch)
    vocabulary = loaded.tokenizer.get_vocab()
    _begin_texts_with(loaded.tokenizer, "<|endoftext|>")
    complete(loaded, ["<|im_start|>8", "<|im_end|>"], GREEDY)
    start, end, pad = (vocabulary[f"<|{n}|>"] for n in ("im_start", "im_end", "endoftext"))
    assert seen == [([[start, vocabulary["8"]], [pad, end]], [[1, 1], [0, 1]])]


def _begin_texts_with(tokenizer: Any, token: str) -> None:
    """Have a tokenizer add a token to every text, as Llama's and Gemma's do."""
    from tokenizers.processors import TemplateProcessing

    number = tokenizer.convert_tokens_to_ids(token)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, number)]
    )
    assert tokenizer("a")["input_ids"][0] == number


@pytest.mark.parametrize(
    "setting",
    [
        {"do_sample": True, "temperature": 5.0},
        {"top_k": 3, "top_p": 0.5, "do_sample": True},
        {"repetition_penalty": 3.0},
        {"no_repeat_ngram_size": 1},
        {"num_beams": 4},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_greedy_whatever_the_model_asks_for(loaded: Loaded, setting: dict[str, Any]) -> None:
    """A checkpoint's generation_config.json may hold settings of its own."""
    before = complete(loaded, PROMPTS, GREEDY)
    for name, value in setting.items():
        setattr(loaded.model.generation_config, name, value)
    assert complete(loaded, PROMPTS, GREEDY) == before


# --- the end


def test_a_completion_without_a_stop_token_is_cut(loaded: Loaded) -> None:
    tokens = greedy_tokens(loaded, PROMPTS[0])
    for limit in (1, 3):
        (found,) = complete(loaded, PROMPTS[:1], Sampling(max_new_tokens=limit))
        assert found == cut(loaded, tokens[:limit])
        assert (found.finished, found.tokens) == (False, limit)


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("room", [0, 4])
@pytest.mark.parametrize("listed", [True, False])
def test_a_stop_token_of_the_model_ends_it(
    loaded: Loaded, place: int, room: int, listed: bool
) -> None:
    """It counts as a token but is no text; at the last place it is still the model's own end."""
    stop = stop_at(loaded, PROMPTS[0], place)
    loaded.model.generation_config.eos_token_id = [stop, 0] if listed else stop
    sampling = Sampling(max_new_tokens=place + 1 + room)
    (found,) = complete(loaded, PROMPTS[:1], sampling)
    assert found == cut(loaded, greedy_tokens(loaded, PROMPTS[0]), stop)
    assert (found.finished, found.tokens) == (True, place + 1)


def test_the_tokenizers_end_ends_it_too(loaded: Loaded) -> None:
    """Some chat models come with a tokenizer that ends turns and a model that does not."""
    stop = stop_at(loaded, PROMPTS[0], 3)
    loaded.tokenizer.eos_token = loaded.tokenizer.convert_ids_to_tokens(stop)
    (found,) = complete(loaded, PROMPTS[:1], GREEDY)
    assert (found.finished, found.tokens) == (True, 4)


def test_special_tokens_are_no_text(loaded: Loaded) -> None:
    """A token that ends no turn of this model may stand in the middle, and is left out."""
    tokens = greedy_tokens(loaded, PROMPTS[1])
    end = loaded.tokenizer.eos_token_id
    assert end in tokens[:-1]
    loaded.tokenizer.eos_token = "<|im_start|>"
    loaded.model.generation_config.eos_token_id = loaded.tokenizer.eos_token_id
    (found,) = complete(loaded, PROMPTS[1:2], GREEDY)
    assert found.tokens == len(tokens)
    assert found.text == loaded.tokenizer.decode([token for token in tokens if token != end])


def test_one_that_ends_early_does_not_end_the_others(loaded: Loaded) -> None:
    stop = stop_at(loaded, PROMPTS[0], 2)
    end = loaded.tokenizer.eos_token_id
    loaded.model.generation_config.eos_token_id = [stop, end]
    expected = [cut(loaded, greedy_tokens(loaded, prompt), stop, end) for prompt in PROMPTS]
    assert len({completion.tokens for completion in expected}) > 1
    assert complete(loaded, PROMPTS, GREEDY) == expected


def test_a_tokenizer_without_padding_pads_with_its_end(loaded: Loaded) -> None:
    before = complete(loaded, PROMPTS, GREEDY)
    loaded.tokenizer.pad_token = None
    assert complete(loaded, PROMPTS, GREEDY) == before
    loaded.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="neither a padding nor an end-of-text token"):
        complete(loaded, PROMPTS, GREEDY)


# --- room


@pytest.mark.slow
def test_a_prompt_without_room_is_refused(loaded: Loaded) -> None:
    length = len(loaded.tokenizer(PROMPTS[0])["input_ids"])
    window = loaded.model.config.max_position_embeddings
    (found,) = complete(loaded, PROMPTS[:1], Sampling(max_new_tokens=window - length))
    assert found.tokens <= window - length
    with pytest.raises(WorkError) as caught:
        complete(loaded, ["a", PROMPTS[0]], Sampling(max_new_tokens=window - length + 1))
    message = str(caught.value)
    assert f"A prompt of {length} tokens and {window - length + 1} new ones" in message
    assert f"{window} tokens" in message


# --- sampling


def test_a_seed_gives_the_same_completions(loaded: Loaded) -> None:
    def sampled(**changes: Any) -> list[Completion]:
        return complete(loaded, PROMPTS, Sampling(max_new_tokens=NEW, temperature=1.0, **changes))

    assert sampled(seed=1) == sampled(seed=1)
    assert sampled(seed=1) != sampled(seed=2)
    assert sampled(seed=1, top_k=1) == sampled(seed=2, top_k=1) == complete(loaded, PROMPTS, GREEDY)
    assert sampled(seed=1, top_p=1e-6) == complete(loaded, PROMPTS, GREEDY)


def test_temperature_and_cut_offs_are_used(loaded: Loaded) -> None:
    """A very low temperature is all but greedy; a very high one writes anything."""

    def sampled(temperature: float) -> list[Completion]:
        sampling = Sampling(max_new_tokens=NEW, temperature=temperature, seed=3)
        return complete(loaded, PROMPTS, sampling)

    greedy = complete(loaded, PROMPTS, GREEDY)
    assert sampled(1e-4) == greedy
    assert all(one != other for one, other in zip(sampled(1e4), greedy, strict=True))


def test_drawing_ignores_what_the_model_asks_for(loaded: Loaded) -> None:
    """`top_k` 0 keeps all tokens, also where the model's settings would keep one."""
    sampling = Sampling(max_new_tokens=NEW, temperature=0.05, seed=5)
    before = complete(loaded, PROMPTS, sampling)
    assert before != complete(loaded, PROMPTS, GREEDY)
    loaded.model.generation_config.top_k = 1
    loaded.model.generation_config.top_p = 1e-6
    loaded.model.generation_config.repetition_penalty = 3.0
    assert complete(loaded, PROMPTS, sampling) == before


# --- seeds and stop texts


def test_seeds_of_their_own(loaded: Loaded) -> None:
    """What is drawn for a prompt does not depend on what is written beside it."""
    sampling = Sampling(max_new_tokens=NEW, temperature=1.0)
    seeds = [3, 4, 5, 6]
    together = complete(loaded, PROMPTS, sampling, seeds)
    for prompt, seed, expected in zip(PROMPTS, seeds, together, strict=True):
        assert complete(loaded, [prompt], sampling, [seed]) == [expected]
    same = complete(loaded, PROMPTS[:1] * 3, sampling, [3, 9, 3])
    assert same[0] == same[2] == together[0] != same[1]


def test_a_stop_text_ends_a_text(loaded: Loaded) -> None:
    loaded.model.generation_config.eos_token_id = loaded.tokenizer.eos_token_id = None
    whole = complete(loaded, PROMPTS, GREEDY)
    tokens = [greedy_tokens(loaded, prompt) for prompt in PROMPTS]
    pairs = [text[n : n + 2] for text in (c.text for c in whole) for n in range(2, len(text) - 1)]
    stop = next(pair for pair in pairs if pair.isascii())
    found = complete(loaded, PROMPTS, attrs.evolve(GREEDY, stops=(stop, "never")))
    assert any(stop in completion.text for completion in whole)
    for one, before, written in zip(found, whole, tokens, strict=True):
        ends = [n for n in range(1, NEW + 1) if stop in loaded.tokenizer.decode(written[:n])]
        expected = Completion(
            text=before.text.partition(stop)[0],
            finished=bool(ends),
            tokens=ends[0] if ends else before.tokens,
        )
        assert one == expected


@pytest.mark.parametrize("listed", [True, False])
def test_ends_are_known_without_the_model(lively_model: Path, tmp_path: Path, listed: bool) -> None:
    folder = tmp_path / "model"
    shutil.copytree(lively_model, folder)
    if not listed:
        (folder / "generation_config.json").unlink()
    fresh = load_model(folder, CPU)
    assert stop_ids_of(folder, fresh.tokenizer) == stop_ids(fresh)
