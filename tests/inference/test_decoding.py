"""Texts token by token as transformers' own `generate` writes them, whatever is beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
import torch

from forget.completion import Sampling
from forget.inference.attention import NAME, register
from forget.inference.decoding import Limits, Written, decode
from forget.inference.loading import load_model
from forget.inference.machine import Machine
from forget.inference.sampling import Draw
from inference.families import WINDOW, make_family

CPU = Machine(device="cpu", device_name="", dtype="float32")
FAMILIES = ["llama", "gemma3", "mistral", "neox", "gpt2"]
LENGTH = 24
PROMPTS = [
    "What is 1 + 2?",
    "step",
    "Tell a long story about nothing at all, step by step. What is 3 + 2? plus user assistant",
    "user is",
    "What is 30 + 2? plus step is 7 and no more",
    "is 7 plus 8",
]


class Writer(NamedTuple):
    """One model twice: with our attention, and with its own."""

    ours: Any
    own: Any
    tokenizer: Any

    def prompts(self) -> list[list[int]]:
        return [self.tokenizer(prompt)["input_ids"] for prompt in PROMPTS]

    def greedy(self, prompt: Sequence[int], length: int = LENGTH) -> list[int]:
        """Write a text alone with transformers' own loop."""
        with torch.inference_mode():
            written = self.own.generate(
                input_ids=torch.tensor([list(prompt)]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=length,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )
        return written[0, len(prompt) :].tolist()

    def decode(
        self, prompts: Sequence[Sequence[int]], limits: Limits, draws: Sequence[Draw] | None = None
    ) -> list[Written]:
        greedy = Draw(Sampling(max_new_tokens=limits.max_new_tokens), "")
        draws = draws or [greedy] * len(prompts)
        return decode(self.ours, self.tokenizer, prompts, draws, limits)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Writer]:
    made: dict[str, Writer] = {}
    register()

    def make(name: str) -> Writer:
        if name not in made:
            folder = make_family(name, tmp_path_factory.mktemp(name) / "model")
            own, tokenizer = load_model(folder, CPU)
            own.generation_config.eos_token_id = None
            made[name] = Writer(load_model(folder, CPU, NAME).model, own, tokenizer)
        return made[name]

    return make


@pytest.fixture(scope="module")
def llama(writer: Callable[[str], Writer]) -> Writer:
    return writer("llama")


def limits(length: int = LENGTH, ends: Sequence[int] = (), stops: Sequence[str] = ()) -> Limits:
    return Limits(max_new_tokens=length, end_tokens=frozenset(ends), stops=tuple(stops))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_texts_are_those_of_transformers(name: str, writer: Callable[[str], Writer]) -> None:
    model = writer(name)
    prompts = model.prompts()
    assert len({len(prompt) for prompt in prompts}) >= 5
    assert max(map(len, prompts)) > 2 * WINDOW
    expected = [Written(model.greedy(prompt), finished=False) for prompt in prompts]
    assert model.decode(prompts, limits()) == expected
    assert len({tuple(written.tokens) for written in expected}) == len(prompts)
    for prompt, written in zip(prompts, expected, strict=True):
        assert model.decode([prompt], limits()) == [written]
    assert model.decode(prompts[::-1], limits()) == expected[::-1]


def test_a_prompt_of_one_token(llama: Writer) -> None:
    prompts = [[7], llama.prompts()[0], [9]]
    expected = [llama.greedy(prompt, 5) for prompt in prompts]
    assert [written.tokens for written in llama.decode(prompts, limits(5))] == expected


@pytest.mark.parametrize("length", [1, 2, 7])
def test_the_length_is_a_limit(llama: Writer, length: int) -> None:
    (found,) = llama.decode(llama.prompts()[:1], limits(length))
    assert found == Written(llama.greedy(llama.prompts()[0])[:length], finished=False)


@pytest.mark.slow
def test_a_text_longer_than_the_memory_set_aside_at_first(llama: Writer) -> None:
    prompts = llama.prompts()[:2]
    expected = [llama.greedy(prompt, 160) for prompt in prompts]
    assert [written.tokens for written in llama.decode(prompts, limits(160))] == expected


# --- the end


def cut(tokens: list[int], ends: Sequence[int], length: int = LENGTH) -> Written:
    """Return what is written before the first end token, by hand."""
    end = next((i for i, token in enumerate(tokens[:length]) if token in ends), None)
    return Written(tokens[:length] if end is None else tokens[:end], finished=end is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_finished_texts_leave_the_batch(name: str, writer: Callable[[str], Writer]) -> None:
    """They end at different places, the longest prompt among the first; the others go on."""
    model = writer(name)
    prompts = model.prompts()
    whole = [model.greedy(prompt) for prompt in prompts]
    ends = [whole[2][2], whole[0][5], whole[4][11]]
    expected = [cut(tokens, ends) for tokens in whole]
    assert len({len(written.tokens) for written in expected}) >= 3
    assert model.decode(prompts, limits(ends=ends)) == expected


def test_no_more_is_computed_than_is_written(
    llama: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = llama.prompts()
    whole = [llama.greedy(prompt) for prompt in prompts]
    ends = [whole[2][2], whole[0][5], whole[4][11]]
    expected = [cut(tokens, ends) for tokens in whole]
    rows = []
    forward = llama.ours.base_model.forward

    def watch(*, input_ids: torch.Tensor, **options: Any) -> Any:
        rows.append(tuple(input_ids.shape))
        return forward(input_ids=input_ids, **options)

    monkeypatch.setattr(llama.ours.base_model, "forward", watch)
    llama.decode(prompts, limits(ends=ends))
    # A text of n tokens and its end takes n steps after the first; one without an end, n - 1.
    steps = [len(w.tokens) - (not w.finished) for w in expected]
    active = [sum(step > place for step in steps) for place in range(max(steps))]
    assert rows == [(len(prompts), max(map(len, prompts))), *((count, 1) for count in active)]


def test_an_end_in_the_first_place_and_in_the_last(llama: Writer) -> None:
    prompt = llama.prompts()[0]
    tokens = llama.greedy(prompt)
    last = next(i for i in range(2, len(tokens)) if tokens[i] not in tokens[:i])
    assert llama.decode([prompt], limits(ends=[tokens[0]])) == [Written([], finished=True)]
    expected = Written(tokens[:last], finished=True)
    assert llama.decode([prompt], limits(last + 1, ends=[tokens[last]])) == [expected]
    expected = Written(tokens[:last], finished=False)
    assert llama.decode([prompt], limits(last, ends=[tokens[last]])) == [expected]


# --- stop texts


def cut_at_text(model: Writer, tokens: list[int], stops: Sequence[str]) -> Written:
    """Return the shortest beginning whose text holds a stop, by hand."""
    for length in range(1, len(tokens) + 1):
        text = model.tokenizer.decode(tokens[:length])
        if any(stop in text for stop in stops):
            return Written(tokens[:length], finished=True)
    return Written(tokens, finished=False)


def stops_within(model: Writer, texts: Sequence[list[int]]) -> list[str]:
    """Return stop texts that one of some texts holds: of several tokens, across two, of one."""
    for tokens in texts:
        pieces = [model.tokenizer.decode([token]) for token in tokens]
        for three in zip(pieces[3:], pieces[4:], pieces[5:], strict=False):
            if all(piece.isascii() for piece in three) and "".join(three).strip():
                joined = "".join(three)
                return [joined, joined[1:], three[0][-1] + three[1][:1], three[0][:1]]
    pytest.fail("no text has three tokens in a row that are whole characters")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "neox"])
def test_a_stop_text_ends_a_text(name: str, writer: Callable[[str], Writer]) -> None:
    model = writer(name)
    prompts = model.prompts()
    whole = [model.greedy(prompt) for prompt in prompts]
    for stop in stops_within(model, whole):
        expected = [cut_at_text(model, tokens, [stop]) for tokens in whole]
        assert 0 < sum(written.finished for written in expected) < len(prompts)
        assert model.decode(prompts, limits(stops=[stop])) == expected


def test_the_first_of_several_stop_texts(llama: Writer) -> None:
    prompts = llama.prompts()
    whole = [llama.greedy(prompt) for prompt in prompts]
    stops = [*stops_within(llama, whole), "not written at all"]
    expected = [cut_at_text(llama, tokens, stops) for tokens in whole]
    assert any(written.finished for written in expected)
    assert llama.decode(prompts, limits(stops=stops)) == expected
    unfinished = [Written(tokens, finished=False) for tokens in whole]
    assert llama.decode(prompts, limits(stops=stops[-1:])) == unfinished


class Dictated:
    """A model that writes given tokens, to see where a text is ended."""

    device = torch.device("cpu")

    def __init__(self, model: Any, tokens: Sequence[int]) -> None:
        self.config = model.config
        self._vocabulary = model.config.vocab_size
        self._tokens = iter(tokens)

    def base_model(self, *, input_ids: torch.Tensor, **_: Any) -> Any:
        logits = torch.zeros(*input_ids.shape, self._vocabulary)
        logits[:, -1, next(self._tokens)] = 1
        return type("Output", (), {"last_hidden_state": logits})

    @staticmethod
    def get_output_embeddings() -> Callable[[torch.Tensor], torch.Tensor]:
        return torch.nn.Identity()


def dictated(llama: Writer, text: str, stop: str) -> str:
    """Return what is written of a text that stops at `stop`."""
    tokens = llama.tokenizer(text)["input_ids"]
    draws = [Draw(Sampling(max_new_tokens=len(tokens)), "")]
    model = Dictated(llama.ours, tokens)
    found = decode(model, llama.tokenizer, [[7]], draws, limits(len(tokens), stops=[stop]))
    assert found[0].finished
    return llama.tokenizer.decode(found[0].tokens)


@pytest.mark.parametrize(
    "stop",
    [
        "\n\n",
        "What is",
        "Question:",
        "。",
        "質問:",
        "Antwort: Übung für Öfen",
        "😀",
        "問題と答え",
        "🇫🇷🇯🇵",
    ],
)
def test_stop_texts_of_all_scripts(llama: Writer, stop: str) -> None:
    """A character may be several tokens, so a stop text has more of them than characters."""
    before = "It is 3, plus. "
    assert dictated(llama, before + stop + " and so on, step by step", stop) == before + stop


def test_a_stop_text_that_is_a_special_token(llama: Writer) -> None:
    before = "It is 3."
    assert dictated(llama, before + "<|im_start|>user", "<|im_start|>") == before + "<|im_start|>"


# --- sampling


def draws(count: int, length: int = LENGTH) -> list[Draw]:
    sampling = Sampling(max_new_tokens=length, temperature=0.9, top_p=0.95, seed=4)
    return [Draw(sampling, f"prompt {index}") for index in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_drawn_texts_do_not_depend_on_their_neighbours(
    name: str, writer: Callable[[str], Writer]
) -> None:
    model = writer(name)
    prompts = model.prompts()
    drawn = draws(len(prompts))
    together = model.decode(prompts, limits(), drawn)
    assert model.decode(prompts, limits(), drawn) == together
    assert model.decode(prompts[::-1], limits(), drawn[::-1]) == together[::-1]
    for prompt, draw, expected in zip(prompts, drawn, together, strict=True):
        assert model.decode([prompt], limits(), [draw]) == [expected]
    greedy = [model.greedy(prompt) for prompt in prompts]
    assert all(w.tokens != tokens for w, tokens in zip(together, greedy, strict=True))


def test_drawn_texts_do_not_depend_on_whose_ended(llama: Writer) -> None:
    """Rows are dropped while others go on: each keeps the random numbers that are its own."""
    prompts = llama.prompts()
    whole = llama.decode(prompts, limits(), draws(len(prompts)))
    ends = [whole[0].tokens[4], whole[3].tokens[9]]
    expected = [cut(written.tokens, ends) for written in whole]
    assert len({len(written.tokens) for written in expected}) >= 3
    assert llama.decode(prompts, limits(ends=ends), draws(len(prompts))) == expected


def test_one_prompt_drawn_several_times(llama: Writer) -> None:
    prompt = llama.prompts()[0]
    found = llama.decode([prompt] * 6, limits(), draws(6))
    assert len({tuple(written.tokens) for written in found}) == 6


def test_each_place_has_random_numbers_of_its_own(llama: Writer) -> None:
    """Where all tokens are equally likely, they alone decide."""
    draw = Draw(Sampling(max_new_tokens=LENGTH, temperature=1e6), "prompt")
    (found,) = llama.decode(llama.prompts()[:1], limits(), [draw])
    assert len(set(found.tokens)) > LENGTH // 2
