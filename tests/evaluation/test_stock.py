from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.completion import Sampling
from forget.errors import ModelError, WorkError
from forget.evaluation.stock import StockEngine, StockModel
from forget.inference.engine import Batch, Complete, Generate, Request, Score, Work
from forget.inference.machine import Machine

CPU = Machine(device="cpu", device_name="", dtype="float32")
GREEDY = Sampling(max_new_tokens=5)
UNTIL = {"until": ["\n"], "max_gen_toks": 5, "do_sample": False}
NOWHERE = Path("/no/such/model")
"""lm-eval tokenises by itself: a plan needs no model folder."""

texts = st.sampled_from(["", "a", "b", "cc", "dd", "a longer context", "What is 1 + 2?"])
requests_of_all_kinds = st.lists(
    st.one_of(
        st.builds(Score, texts, st.sampled_from([" x", " y", " z"])),
        st.builds(
            Generate, texts, st.sampled_from([{"until": []}, {"until": ["\n"]}, {"until": ["."]}])
        ),
        st.builds(
            Complete, texts, st.builds(Sampling, max_new_tokens=st.sampled_from([1, 2, 1000]))
        ),
    ),
    max_size=60,
)


def planned(
    requests: st.SearchStrategy[list[Request]] = requests_of_all_kinds,
) -> Callable[[Callable[[list[Request], int], None]], Callable[..., None]]:
    """Check a property of plans; without a deadline, which a busy machine would miss."""

    def decorate(test: Callable[[list[Request], int], None]) -> Callable[..., None]:
        return settings(deadline=None)(given(requests, st.integers(1, 4))(test))

    return decorate


def plan(requests: Sequence[Request], size: int, machine: Machine = CPU) -> list[Batch]:
    return list(StockEngine(machine, size).prepare(requests, NOWHERE).batches)


def batches(requests: Sequence[Request], size: int) -> list[list[Request]]:
    return [[requests[index] for index in batch.requests] for batch in plan(requests, size)]


def answer(model: StockModel, requests: Sequence[Request]) -> list[Any]:
    """Have requests of one kind answered together."""
    work = Work(requests=requests, batches=(), ready=requests)
    kind = "score" if isinstance(requests[0], Score) else "generate"
    return model.answer(work, Batch(tuple(range(len(requests))), 1.0, kind))


# --- the plan


@planned()
def test_every_request_is_planned_once(requests: list[Request], size: int) -> None:
    found = plan(requests, size)
    assert sorted(i for batch in found for i in batch.requests) == list(range(len(requests)))
    assert all(batch.requests for batch in found)


@planned()
def test_the_plan_is_the_same_every_time(requests: list[Request], size: int) -> None:
    found = plan(requests, size)
    assert plan(list(requests), size) == found
    other = Machine(device="cuda", device_name="Some GPU", dtype="bfloat16")
    assert plan(requests, size, other) == found


@planned()
def test_batches_say_their_kind_and_what_they_cost(requests: list[Request], size: int) -> None:
    for batch, asked in zip(plan(requests, size), batches(requests, size), strict=True):
        assert batch.kind == ("score" if isinstance(asked[0], Score) else "generate")
        texts = [r.context if isinstance(r, Score) else r.prompt for r in asked]
        if batch.kind == "score":
            assert batch.cost == sum(map(len, texts)) / 4
        elif isinstance(asked[0], Complete):
            assert batch.cost == len(asked) * asked[0].sampling.max_new_tokens
        else:
            assert batch.cost == len(asked) * 256


def test_a_text_costs_what_it_may_be_long_at_most() -> None:
    short, default = Generate("p", {"max_gen_toks": 5}), Generate("p", {})
    assert [batch.cost for batch in plan([short], 1)] == [5]
    assert [batch.cost for batch in plan([default], 1)] == [256]


def test_requests_stay_as_they_were_asked() -> None:
    asked: list[Request] = [Score("a", " x"), Complete("b", GREEDY)]
    work = StockEngine(CPU).prepare(asked, NOWHERE)
    assert (work.requests, work.ready, work.facts) == (asked, asked, {})


@planned()
def test_kinds_and_options_are_never_mixed(requests: list[Request], size: int) -> None:
    for batch in batches(requests, size):
        assert len({type(request) for request in batch}) == 1
        assert len({str(r.options) for r in batch if isinstance(r, Generate)}) <= 1
        assert len({r.sampling for r in batch if isinstance(r, Complete)}) <= 1


@planned(
    st.lists(st.builds(Score, st.sampled_from("abcd"), st.sampled_from([" x", " y"])), max_size=60)
)
def test_equal_contexts_are_answered_together(requests: list[Request], size: int) -> None:
    places: dict[str, set[int]] = {}
    for place, batch in enumerate(batches(requests, size)):
        for request in batch:
            if isinstance(request, Score):
                places.setdefault(request.context, set()).add(place)
    assert all(len(found) == 1 for found in places.values())


@planned()
def test_long_prompts_come_first_and_batches_are_bounded(
    requests: list[Request], size: int
) -> None:
    """The longest first, so that memory runs out at once or never; what a kill costs is bounded."""
    for batch in batches(requests, size):
        lengths = [len(r.context if isinstance(r, Score) else r.prompt) for r in batch]
        assert lengths == sorted(lengths, reverse=True)
        full = batch[: size * 4]
        beyond = batch[size * 4 :]
        assert all(isinstance(r, Score) and r.context == full[-1].context for r in beyond)


@pytest.mark.slow
@planned()
def test_batches_are_filled(requests: list[Request], size: int) -> None:
    def kind(request: Request) -> str:
        return f"{type(request)} {getattr(request, 'options', getattr(request, 'sampling', None))}"

    for one, following in pairwise(batches(requests, size)):
        assert len(one) >= size * 4 or kind(one[0]) != kind(following[0])


def test_nothing_is_planned_for_nothing() -> None:
    assert plan([], 16) == []


@pytest.mark.slow
def test_the_plan_does_not_depend_on_the_process() -> None:
    """Sets and hashes of texts differ between processes; a plan must not."""
    code = (
        "from pathlib import Path\n"
        "from forget.evaluation.stock import StockEngine\n"
        "from forget.inference.engine import Generate, Score\n"
        "from forget.inference.machine import Machine\n"
        "asked = [Score(c, d) for c in 'zyxabc' for d in '12'] + [Generate('p', {'until': []})]\n"
        "engine = StockEngine(Machine(device='cpu', device_name='', dtype='float32'), 1)\n"
        "work = engine.prepare(asked, Path('/no/such/model'))\n"
        "print(work.batches, work.digest)"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


# --- the fingerprint


def test_the_fingerprint_tells_apart_what_changes_scores() -> None:
    plain = StockEngine(CPU, 16).fingerprint()
    others = [
        StockEngine(CPU, 8),
        StockEngine(Machine(device="cpu", device_name="", dtype="bfloat16"), 16),
        StockEngine(Machine(device="cuda", device_name="", dtype="float32"), 16),
        StockEngine(Machine(device="cpu", device_name="H100", dtype="float32"), 16),
    ]
    assert all(other.fingerprint() != plain for other in others)
    assert StockEngine(CPU, 16).fingerprint() == plain
    assert {"lm-eval", "torch", "transformers"} <= plain.keys()


@pytest.mark.parametrize(("size", "other"), [(16, 5), (3, 1)])
def test_reshaped_it_is_the_same_engine_with_smaller_batches(size: int, other: int) -> None:
    engine = StockEngine(CPU, size)
    reshaped = engine.reshaped()
    assert (reshaped.name, reshaped.machine, reshaped.batch_size) == (engine.name, CPU, other)
    assert reshaped.fingerprint() == {**engine.fingerprint(), "batch_size": str(other)}
    assert engine.batch_size == size


@pytest.mark.slow
def test_the_fingerprint_is_had_without_torch() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from forget.evaluation.stock import StockEngine\n"
        "from forget.inference.machine import Machine\n"
        "engine = StockEngine(Machine(device='cpu', device_name='', dtype='float32'))\n"
        "engine.fingerprint(), engine.prepare([], Path('/no/such/model'))\n"
        "print(sorted({'torch', 'transformers', 'lm_eval'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"


# --- answers


@pytest.fixture(scope="module")
def model(lively_model: Path) -> StockModel:
    return StockEngine(CPU, batch_size=4).load(lively_model)


def log_likelihood(model: StockModel, context: str, continuation: str) -> tuple[float, bool]:
    """Add log p of the continuation's tokens up by hand; are they the greedy ones?"""
    import torch

    tokenizer = model.loaded.tokenizer
    prefix = tokenizer(context)["input_ids"]
    whole = tokenizer(context + continuation)["input_ids"]
    assert whole[: len(prefix)] == prefix
    with torch.no_grad():
        logits_TV = model.loaded.model(torch.tensor([whole])).logits[0].double()
    predicted_TV = logits_TV.log_softmax(-1)[len(prefix) - 1 : -1]
    target_T = torch.tensor(whole[len(prefix) :])
    log_p = predicted_TV.gather(1, target_T[:, None]).sum()
    return float(log_p), bool((predicted_TV.argmax(-1) == target_T).all())


def test_log_likelihoods_are_those_by_hand_and_in_order(model: StockModel) -> None:
    contexts = ["What is 1 + 2?", "step", "What is 30 + 2? plus step", "user"]
    asked = [Score(c, f" {word}") for c in contexts for word in ("plus", "is 3", "step step step")]
    answers = answer(model, asked)
    for request, (log_p, greedy) in zip(asked, answers, strict=True):
        by_hand = log_likelihood(model, request.context, request.continuation)
        assert (log_p, greedy) == (pytest.approx(by_hand[0], rel=1e-4), by_hand[1])
    assert len({log_p for log_p, _ in answers}) == len(answers)


def test_the_greedy_continuation_is_known_as_such(model: StockModel) -> None:
    import torch

    tokenizer = model.loaded.tokenizer
    for context in ("What is 1 + 2?", "What is 30 + 2? plus step", "user"):
        ids = torch.tensor([tokenizer(context)["input_ids"]])
        token = int(model.loaded.model(ids).logits[0, -1].argmax())
        best, other = tokenizer.convert_ids_to_tokens([token, (token + 1) % 400])
        asked = [Score(context, tokenizer.convert_tokens_to_string([t])) for t in (best, other)]
        if tokenizer(context + asked[0].continuation)["input_ids"][-1] == token:
            break
    else:
        pytest.fail("no context is followed by a token that is a text by itself")
    (_, greedy), (_, not_greedy) = answer(model, asked)
    assert (greedy, not_greedy) == (True, False)


def test_answers_can_be_kept_as_json(model: StockModel) -> None:
    import json

    asked: list[list[Request]] = [
        [Score("What", " is"), Score("a", " b")],
        [Generate("What", UNTIL)],
        [Complete("What", GREEDY)],
    ]
    for requests in asked:
        found = answer(model, requests)
        assert json.loads(json.dumps(found)) == found


PROMPTS = [
    "What is 1 + 2?",
    "step",
    "Tell a long story. What is 3 + 2?",
    "step is plus",
    "user",
    "is 7 plus 8",
]


def test_texts_are_answered_in_order(model: StockModel) -> None:
    together = answer(model, [Generate(prompt, UNTIL) for prompt in PROMPTS])
    alone = [answer(model, [Generate(prompt, UNTIL)])[0] for prompt in PROMPTS]
    assert together == alone
    assert len(set(together)) == len(PROMPTS)


def test_texts_end_before_a_stop_text(model: StockModel) -> None:
    options = {"until": [], "max_gen_toks": 8, "do_sample": False}
    (whole,) = answer(model, [Generate("What is 1 + 2?", options)])
    end = next(i for i in range(2, len(whole)) if whole[i] not in whole[:i])
    (cut,) = answer(model, [Generate("What is 1 + 2?", {**options, "until": [whole[end]]})])
    assert cut == whole[:end]


def test_completions_are_answered_in_order(model: StockModel) -> None:
    """Six of them with batches of four: two forward passes."""
    together = answer(model, [Complete(prompt, GREEDY) for prompt in PROMPTS])
    alone = [answer(model, [Complete(prompt, GREEDY)])[0] for prompt in PROMPTS]
    assert together == alone
    assert [sorted(answer) for answer in together] == [["finished", "text", "tokens"]] * 6
    assert len({answer["text"] for answer in together}) == len(PROMPTS)


@pytest.mark.slow
def test_answers_do_not_depend_on_what_was_answered_before(lively_model: Path) -> None:
    """To the last bit: a resumed evaluation goes on from a model that has answered nothing."""
    engine = StockEngine(CPU, batch_size=1)
    asked: list[Request] = [Score(p, f" {w}") for p in PROMPTS for w in ("plus", "is 3", "step")]
    asked += [Generate(prompt, UNTIL) for prompt in PROMPTS]
    asked += [Complete(prompt, GREEDY) for prompt in PROMPTS]
    work = engine.prepare(asked, lively_model)
    assert len(work.batches) > 6

    def answers(batches: Sequence[Batch]) -> dict[Batch, Any]:
        running = engine.load(lively_model)
        return {batch: running.answer(work, batch) for batch in batches}

    whole = answers(work.batches)
    assert answers(work.batches[::-1]) == whole
    assert {**answers(work.batches[3:]), **answers(work.batches[:3])} == whole


def test_weights_that_are_no_numbers(lively_model: Path) -> None:
    import torch

    engine = StockEngine(CPU)
    running = engine.load(lively_model)
    with torch.no_grad():
        running.loaded.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(WorkError, match="nan as the log-likelihood of ' x'") as caught:
        answer(running, [Score("a", " x")])
    assert str(lively_model) in str(caught.value)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a model folder"):
        StockEngine(CPU).load(tmp_path)
