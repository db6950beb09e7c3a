"""The built-in engine against lm-eval's own model, request by request."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Sampling
from forget.errors import ModelError, UnsupportedModelError, WorkError
from forget.evaluation.stock import StockEngine
from forget.inference import decoding, scoring
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Complete, Engine, Generate, Request, Score, Work
from forget.inference.machine import Machine
from inference.families import begin_texts_with, edit_json, make_family
from tiny_models import make_tokenizer

CPU = Machine(device="cpu", device_name="", dtype="float32")
GREEDY = Sampling(max_new_tokens=12)
FAMILIES = ["llama", "qwen3", "gemma3", "neox"]
SMALL = {"nodes": 300, "written": 250}
"""Batches so small that a few requests fill several."""


def scores() -> list[Request]:
    """Questions with four answers each, one with every token as its answer, one without context."""
    questions = [f"What is {i} + {i + 2}? plus step is" + " and so on" * (i % 3) for i in range(8)]
    answers = [" one", " two three four", " 7", " step user "]
    asked = [Score(question, answer) for question in questions for answer in answers]
    return [
        *asked,
        *(Score("What is 1 + 2?", chr(code)) for code in range(33, 127)),
        Score("", "alone here"),
        Score("trailing spaces  ", "moved"),
    ]


def texts(stops: Sequence[str] = ()) -> list[Request]:
    prompts = [f"What is {i} + 2? plus is" + " longer" * (i % 4) for i in range(7)]
    plain = {"until": list(stops), "max_gen_toks": 12, "do_sample": False}
    short = {"until": "\n", "max_gen_toks": 3}
    return [
        *(Generate(prompt, plain) for prompt in prompts),
        *(Generate(prompt, short) for prompt in prompts[:3]),
        *(Complete(f"<|im_start|>user\n{prompt}", GREEDY) for prompt in prompts[:4]),
        Complete(prompts[0], Sampling(max_new_tokens=5)),
    ]


def answers(engine: Engine, folder: Path, requests: Sequence[Request]) -> list[Any]:
    """Answer requests, in their order."""
    work = engine.prepare(requests, folder)
    return answers_of(engine.load(folder), work)


def answers_of(model: Any, work: Work) -> list[Any]:
    found: dict[int, Any] = {}
    for batch in work.batches:
        given = model.answer(work, batch)
        assert len(given) == len(batch.requests)
        assert json.loads(json.dumps(given)) == given
        found |= dict(zip(batch.requests, given, strict=True))
    return [found[index] for index in range(len(work.requests))]


def check(found: Sequence[Any], expected: Sequence[Any], within: float = 2e-3) -> None:
    """Compare answers: log-likelihoods up to rounding, all else exactly."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, list):
            assert one == [pytest.approx(other[0], abs=within), other[1]]
        else:
            assert one == other


def stop_within(written: Sequence[str]) -> str:
    """Return a text of two characters from the middle of something that was written."""
    for text in written:
        for place in range(2, len(text) - 1):
            if text[place : place + 2].isascii() and text[place : place + 2].isprintable():
                return text[place : place + 2]
    pytest.fail("nothing was written that could be a stop text")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = make_family(name, tmp_path_factory.mktemp(name) / "model")
        return made[name]

    return make


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder to be changed."""
    return make_family("llama", tmp_path / "model")


@pytest.fixture(scope="module")
def llama(folder: Callable[[str], Path]) -> Path:
    return folder("llama")


# --- the same answers as lm-eval's own model


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_log_likelihoods_are_those_of_lm_eval(name: str, folder: Callable[[str], Path]) -> None:
    requests = scores()
    found = answers(BuiltinEngine(CPU, **SMALL), folder(name), requests)
    expected = answers(StockEngine(CPU, 16), folder(name), requests)
    check(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_greedy_tokens_are_known_as_such(name: str, folder: Callable[[str], Path]) -> None:
    """Of all tokens after a context exactly one is the likeliest."""
    engine = BuiltinEngine(CPU)
    tokenizer = make_tokenizer()
    contexts = [f"What is {i}? step" for i in range(12)]
    written = answers(engine, folder(name), [Complete(c, GREEDY) for c in contexts])
    firsts = {}
    for context, answer in zip(contexts, written, strict=True):
        ids = tokenizer(context)["input_ids"]
        for stop in range(1, len(answer["text"]) + 1):
            whole = tokenizer(context + answer["text"][:stop])["input_ids"]
            if whole[: len(ids)] == ids and len(whole) == len(ids) + 1:
                firsts[context] = answer["text"][:stop]
    requests = [Score(c, text) for c, first in firsts.items() for text in (first, first + "x")]
    found = answers(engine, folder(name), requests)
    check(found, answers(StockEngine(CPU), folder(name), requests))
    assert any(greedy for _, greedy in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_texts_are_those_of_lm_eval(name: str, folder: Callable[[str], Path]) -> None:
    builtin, stock = BuiltinEngine(CPU, **SMALL), StockEngine(CPU, 4)
    whole = answers(builtin, folder(name), texts())
    assert whole == answers(stock, folder(name), texts())
    assert len({json.dumps(answer) for answer in whole}) > 8
    stop = stop_within([answer for answer in whole if isinstance(answer, str)])
    cut = answers(builtin, folder(name), texts([stop]))
    assert cut == answers(stock, folder(name), texts([stop]))
    assert cut != whole
    assert not any(stop in answer for answer in cut[:7])


@pytest.mark.slow
def test_a_tokenizer_that_begins_texts(own: Path) -> None:
    """As Llama's and Gemma's do: chat prompts, rendered with it, get no second."""
    begin_texts_with(make_tokenizer(), "<|endoftext|>").save_pretrained(own)
    requests = [*scores()[:12], *scores()[-2:], *texts()]
    requests += [Score("<|endoftext|>What is", " 7"), Generate("<|endoftext|>What is", {})]
    found = answers(BuiltinEngine(CPU), own, requests)
    expected = answers(StockEngine(CPU, 1), own, requests)
    check(found, expected)


@pytest.mark.slow
def test_the_models_end_of_text(own: Path) -> None:
    """A model may name tokens of its own that end a text; they count, but are no text."""
    requests = texts()[-5:]
    before = answers(BuiltinEngine(CPU), own, requests)
    edit_json(own / "generation_config.json", eos_token_id=[2, *range(100, 160)])
    found = answers(BuiltinEngine(CPU), own, requests)
    assert found == answers(StockEngine(CPU, 4), own, requests)
    assert sum(answer["finished"] for answer in found) > sum(a["finished"] for a in before)


# --- the plan


def all_kinds() -> list[Request]:
    """Requests of all kinds, mixed."""
    one, other = scores()[:20], texts()
    mixed = [request for pair in zip(one, other, strict=False) for request in pair]
    return [*mixed, *one[len(other) :]]


def test_every_request_is_in_one_batch_of_its_kind(llama: Path) -> None:
    requests = all_kinds()
    work = BuiltinEngine(CPU, **SMALL).prepare(requests, llama)
    assert sorted(i for batch in work.batches for i in batch.requests) == list(range(len(requests)))
    for batch in work.batches:
        of_scores = {isinstance(requests[index], Score) for index in batch.requests}
        assert of_scores == {batch.kind == "score"}
        assert batch.cost > 0
    assert {batch.kind for batch in work.batches} == {"score", "generate"}
    assert len(work.batches) > 3


def test_texts_of_other_lengths_and_stops_are_not_mixed(llama: Path) -> None:
    requests = texts()
    requests += [Generate("What is", {"until": ["\n"], "max_gen_toks": 12})]
    work = BuiltinEngine(CPU).prepare(requests, llama)
    for batch in work.batches:
        members = [requests[index] for index in batch.requests]
        assert len({str(r.options) for r in members if isinstance(r, Generate)}) <= 1
        assert len({r.sampling for r in members if isinstance(r, Complete)}) <= 1
        assert len({work.ready[index].writing.stops for index in batch.requests}) == 1
    assert len(work.batches) == 4


def test_what_is_written_is_bounded_by_its_memory(llama: Path) -> None:
    work = BuiltinEngine(CPU, written=100).prepare(texts()[:7], llama)
    for batch in work.batches:
        longest = max(len(work.ready[index].tokens) for index in batch.requests) + 12
        assert longest * len(batch.requests) <= 100
    assert len(work.batches) > 1


def test_the_plan_is_the_same_for_every_model(llama: Path, tmp_path: Path) -> None:
    other = make_family("llama", tmp_path / "other", seed=1)
    one = BuiltinEngine(CPU, **SMALL).prepare(all_kinds(), llama)
    again = BuiltinEngine(CPU, **SMALL).prepare(all_kinds(), other)
    assert again == one
    assert again.digest == one.digest
    assert BuiltinEngine(CPU).prepare(all_kinds(), llama).digest != one.digest


@pytest.mark.slow
def test_the_plan_of_an_adapter_is_its_bases(llama: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(llama)
    get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(llama).save_pretrained(tmp_path)
    engine = BuiltinEngine(CPU, **SMALL)
    assert engine.prepare(all_kinds(), tmp_path) == engine.prepare(all_kinds(), llama)
    assert answers(engine, tmp_path, scores()[:4])[0][0] < 0


def test_nothing_is_planned_for_nothing(llama: Path) -> None:
    work = BuiltinEngine(CPU).prepare([], llama)
    assert (list(work.batches), list(work.ready), dict(work.facts)) == ([], [], {})


def test_requests_that_were_cut_are_counted(own: Path) -> None:
    edit_json(own / "config.json", max_position_embeddings=20)
    long = [Score("step " * count + "What is", " 7") for count in (5, 50, 90)]
    engine = BuiltinEngine(CPU)
    assert engine.prepare([*long, *texts()[-1:]], own).facts == {"truncated_requests": 2}
    assert engine.prepare(long[:1], own).facts == {}
    expected = answers(StockEngine(CPU), own, long)
    check(answers(engine, own, long), expected)


def test_a_benchmarks_prompt_is_cut_to_make_room(own: Path) -> None:
    edit_json(own / "config.json", max_position_embeddings=40)
    requests = [Generate("step " * 60 + "What is 7?", {"until": [], "max_gen_toks": 12})]
    engine = BuiltinEngine(CPU)
    work = engine.prepare(requests, own)
    assert len(work.ready[0].tokens) == 28
    assert work.facts == {"truncated_requests": 1}
    assert answers(engine, own, requests) == answers(StockEngine(CPU), own, requests)


def test_answers_do_not_depend_on_the_batches(llama: Path) -> None:
    requests = all_kinds()
    engine = BuiltinEngine(CPU, nodes=3000, written=3000)
    small, large = engine.reshaped().reshaped(), engine
    assert (small.nodes, small.written) == (333, 333)
    assert len(small.prepare(requests, llama).batches) > len(large.prepare(requests, llama).batches)
    check(answers(small, llama, requests), answers(large, llama, requests), 1e-4)


def test_a_completions_stop_text_ends_it(llama: Path) -> None:
    """As it ends a benchmark's text, with what was written up to it counted."""
    prompts = [r.prompt for r in texts()[:7] if isinstance(r, Generate)]
    whole = answers(BuiltinEngine(CPU), llama, [Complete(p, GREEDY) for p in prompts])
    stop = stop_within([answer["text"] for answer in whole])
    sampling = attrs.evolve(GREEDY, stops=(stop,))
    found = answers(BuiltinEngine(CPU), llama, [Complete(p, sampling) for p in prompts])
    assert any(stop in answer["text"] for answer in whole)
    for one, before in zip(found, whole, strict=True):
        if stop in before["text"]:
            assert one["text"] == before["text"].partition(stop)[0]
            assert one["finished"]
            assert len(one["text"]) / 8 < one["tokens"] <= before["tokens"]
        else:
            assert one == before


def test_seeds_do_not_part_what_is_written_together(llama: Path) -> None:
    sampling = Sampling(max_new_tokens=8, temperature=1.0)
    requests = [
        Complete("What is 1 + 2?", attrs.evolve(sampling, seed=seed)) for seed in (3, 4, 3, 5)
    ]
    work = BuiltinEngine(CPU).prepare(requests, llama)
    assert len(work.batches) == 1
    first, other, again, _ = answers_of(BuiltinEngine(CPU).load(llama), work)
    assert first == again != other


@pytest.mark.slow
def test_drawn_completions_do_not_depend_on_the_batches(llama: Path) -> None:
    sampling = Sampling(max_new_tokens=12, temperature=0.8, top_p=0.9, seed=3)
    requests = [Complete(f"What is {i}?" + " step" * (i % 3), sampling) for i in range(8)]
    together = answers(BuiltinEngine(CPU), llama, requests)
    assert answers(BuiltinEngine(CPU, written=1), llama, requests[::-1]) == together[::-1]
    assert len({answer["text"] for answer in together}) == len(requests)
    other = [Complete(r.prompt, attrs.evolve(sampling, seed=4)) for r in requests]
    assert answers(BuiltinEngine(CPU), llama, other) != together


# --- memory


def too_little_memory(most: int, said: Exception) -> Callable[[Any], Any]:
    """Have a function fail on more than `most` requests, and note how many it answered."""

    def decorate(function: Any, place: int, answered: list[int]) -> Any:
        def limited(*arguments: Any) -> Any:
            if len(arguments[place]) > most:
                raise said
            answered.append(len(arguments[place]))
            return function(*arguments)

        return limited

    return decorate


def out_of_memory() -> list[Exception]:
    import torch

    return [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        ),
        MemoryError(),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(4))
def test_a_batch_that_does_not_fit_is_split(
    kind: int, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [*scores()[:14], *texts()]
    engine = BuiltinEngine(CPU)
    work = engine.prepare(requests, llama)
    model = engine.load(llama)
    expected = answers_of(model, work)
    limited = too_little_memory(3, out_of_memory()[kind])
    scored: list[int] = []
    written: list[int] = []
    monkeypatch.setattr(scoring, "score", limited(scoring.score, 1, scored))
    monkeypatch.setattr(decoding, "decode", limited(decoding.decode, 2, written))
    found = answers_of(model, work)
    check(found, expected, 1e-4)
    assert sum(scored) == 14
    assert sum(written) == len(texts())


@pytest.mark.parametrize("which", ["score", "decode"])
def test_a_single_request_that_does_not_fit(
    which: str, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = {"score": scores()[:5], "decode": texts()[:5]}[which]
    module, place = {"score": (scoring, 1), "decode": (decoding, 2)}[which]
    limited = too_little_memory(0, out_of_memory()[0])
    monkeypatch.setattr(module, which, limited(getattr(module, which), place, []))
    with pytest.raises(WorkError, match="not suffice for a single request") as caught:
        answers(BuiltinEngine(CPU), llama, requests)
    assert "bfloat16" in str(caught.value)


def test_other_failures_are_not_taken_for_memory(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(*_: Any) -> None:
        tried.append(1)
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(scoring, "score", fail)
    with pytest.raises(RuntimeError, match="device-side assert"):
        answers(BuiltinEngine(CPU), llama, scores()[:5])
    assert len(tried) == 1


# --- what cannot be answered


def test_an_option_that_is_not_known(llama: Path) -> None:
    asked = [Generate("What is", {"until": ["\n"], "num_beams": 4})]
    with pytest.raises(WorkError, match=r"num_beams.*--engine stock"):
        BuiltinEngine(CPU).prepare(asked, llama)


def test_a_prompt_without_room(own: Path) -> None:
    edit_json(own / "config.json", max_position_embeddings=40)
    engine = BuiltinEngine(CPU)
    for words in (30, 90):
        prompt = "step " * words
        length = len(make_tokenizer()(prompt)["input_ids"])
        fits = Complete(prompt, Sampling(max_new_tokens=max(1, 40 - length)))
        if length < 40:
            engine.prepare([fits], own)
        asked = Complete(prompt, Sampling(max_new_tokens=max(1, 40 - length) + 1))
        with pytest.raises(WorkError, match=f"A prompt of {length} tokens") as caught:
            engine.prepare([asked], own)
        assert "window of 40 tokens" in str(caught.value)


def test_more_new_tokens_than_the_window_holds(own: Path) -> None:
    """No cutting of the prompt could make room."""
    edit_json(own / "config.json", max_position_embeddings=40)
    with pytest.raises(WorkError, match="40 new ones do not fit"):
        BuiltinEngine(CPU).prepare([Generate("What is", {"max_gen_toks": 40})], own)


@pytest.mark.parametrize(
    "request_",
    [Complete("", GREEDY), Generate("", {"until": ["\n"]})],
    ids=["complete", "generate"],
)
def test_an_empty_prompt(request_: Request, llama: Path) -> None:
    """There is no token to go on from."""
    with pytest.raises(WorkError, match="empty"):
        answers(BuiltinEngine(CPU), llama, [request_])


@pytest.mark.slow
@pytest.mark.parametrize("asked", [Score("What", " <|im_start|>"), Generate("<|im_start|>", {})])
def test_a_token_that_the_model_does_not_know(asked: Request, own: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|new|>"]})
    tokenizer.save_pretrained(own)
    answers(BuiltinEngine(CPU), own, [asked])
    new = Score("What", "<|new|>") if isinstance(asked, Score) else Generate("<|new|>", {})
    with pytest.raises(ModelError, match=f"writes token {len(tokenizer) - 1}, but the model") as e:
        answers(BuiltinEngine(CPU), own, [asked, new])
    assert str(own) in str(e.value)


def test_a_family_that_is_not_supported(folder: Callable[[str], Path], llama: Path) -> None:
    """Nor is it the second time, when weights could be exchanged in place."""
    engine = BuiltinEngine(CPU)
    for _ in range(2):
        with pytest.raises(UnsupportedModelError, match="--engine stock"):
            engine.load(folder("bloom"))
    engine.load(llama)


def test_a_model_that_answers_with_no_number(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(model: Any, encoded: Sequence[Any]) -> Any:
        return [scoring.LogLikelihood(float("nan"), False) for _ in encoded]

    monkeypatch.setattr(scoring, "score", score)
    with pytest.raises(WorkError, match="gives nan as the log-likelihood of ' one'") as caught:
        answers(BuiltinEngine(CPU), llama, scores()[:1])
    assert str(llama) in str(caught.value)


# --- a sweep


@pytest.mark.slow
def test_models_are_exchanged(llama: Path, tmp_path: Path) -> None:
    """Each answers as if it had been loaded alone."""
    other = make_family("llama", tmp_path / "other", seed=1)
    requests = all_kinds()
    engine = BuiltinEngine(CPU)
    work = engine.prepare(requests, llama)
    alone = {folder: answers(BuiltinEngine(CPU), folder, requests) for folder in (llama, other)}
    assert alone[llama] != alone[other]
    for folder in (llama, other, llama):
        assert answers_of(engine.load(folder), work) == alone[folder]
    engine.release()
    assert answers_of(engine.load(other), work) == alone[other]


def test_half_precision(llama: Path) -> None:
    machine = Machine(device="cpu", device_name="", dtype="bfloat16")
    requests = scores()[:40]
    exact = answers(BuiltinEngine(CPU), llama, requests)
    found = answers(BuiltinEngine(machine), llama, [*requests, *texts()])
    assert [log_p for log_p, _ in found[:40]] == pytest.approx(
        [log_p for log_p, _ in exact], rel=0.05
    )
    assert found[:40] != exact
    assert all(isinstance(answer, str | dict) for answer in found[40:])


# --- the fingerprint


def test_the_fingerprint_tells_apart_what_changes_scores() -> None:
    plain = BuiltinEngine(CPU, 100, 50).fingerprint()
    others = [
        BuiltinEngine(CPU, 99, 50),
        BuiltinEngine(CPU, 100, 49),
        BuiltinEngine(Machine(device="cpu", device_name="", dtype="bfloat16"), 100, 50),
        BuiltinEngine(Machine(device="cuda", device_name="", dtype="float32"), 100, 50),
        BuiltinEngine(Machine(device="cpu", device_name="H100", dtype="float32"), 100, 50),
    ]
    found = [str(sorted(engine.fingerprint().items())) for engine in others]
    assert len({*found, str(sorted(plain.items()))}) == len(others) + 1
    assert BuiltinEngine(CPU, 100, 50).fingerprint() == plain
    assert plain["engine"] != StockEngine(CPU).fingerprint()["engine"]
    assert {"lm-eval", "torch", "transformers"} <= plain.keys()


def test_an_engine_is_made_without_torch() -> None:
    code = (
        "import sys\n"
        "from forget.inference.builtin import BuiltinEngine\n"
        "from forget.inference.machine import Machine\n"
        "engine = BuiltinEngine(Machine(device='cpu', device_name='', dtype='float32'))\n"
        "engine.fingerprint(), engine.reshaped().fingerprint()\n"
        "print(sorted({'torch', 'transformers', 'lm_eval'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"
