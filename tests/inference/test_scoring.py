"""Log-likelihoods against their definition: one sequence at a time, by the model's own attention.

Legend as in the source.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from forget.inference import scoring
from forget.inference.attention import NAME, register
from forget.inference.loading import load_model
from forget.inference.machine import Machine
from forget.inference.scoring import LogLikelihood, final_logits, score
from forget.inference.tokens import EncodedScore
from inference.families import make_family

CPU = Machine(device="cpu", device_name="", dtype="float32")
FAMILIES = ["llama", "gemma3", "neox", "gpt2"]


class Pair(NamedTuple):
    """One model twice: with our attention, and with its own."""

    ours: Any
    own: Any


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    made: dict[str, Pair] = {}
    register()

    def make(name: str, **changes: Any) -> Pair:
        key = f"{name} {changes}"
        if key not in made:
            folder = make_family(name, tmp_path_factory.mktemp(name) / "model", **changes)
            made[key] = Pair(load_model(folder, CPU, NAME).model, load_model(folder, CPU).model)
        return made[key]

    return make


def encoded(tokens: Sequence[int], continuation: int) -> EncodedScore:
    """Return the request for the last `continuation` of some tokens."""
    return EncodedScore(array("i", tokens[:-1]), array("i", tokens[-continuation:]), 0)


def by_definition(model: Any, request: EncodedScore) -> LogLikelihood:
    with torch.no_grad():
        logits_TV = model(torch.tensor([list(request.tokens)])).logits[0].float()
    count = len(request.targets)
    log_p_TV = logits_TV.log_softmax(-1)[-count:]
    targets = torch.tensor(list(request.targets))
    log_p = log_p_TV.gather(1, targets[:, None]).double().sum().item()
    return LogLikelihood(log_p, bool((log_p_TV.argmax(-1) == targets).all()))


def greedy(model: Any, tokens: Sequence[int], count: int) -> list[int]:
    """Write `count` tokens greedily by hand."""
    ids = list(tokens)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids


def requests(model: Any, seed: int = 0) -> list[EncodedScore]:
    """Questions with random answers of one to five tokens, and with the model's own."""
    drawn = random.Random(seed)
    start = [drawn.randrange(3, 280) for _ in range(6)]
    found = []
    for question in range(6):
        length = drawn.randint(1, 30)
        context = [*start[:question], *(drawn.randrange(3, 280) for _ in range(length))]
        for answer in range(1, 6):
            tokens = [*context, *(drawn.randrange(3, 280) for _ in range(answer))]
            found.append(encoded(tokens, answer))
        found += [encoded(greedy(model, context, answer), answer) for answer in (1, 3)]
    return found


def check(model: Any, asked: Sequence[EncodedScore], answers: Sequence[LogLikelihood]) -> None:
    assert len(answers) == len(asked)
    for request, answer in zip(asked, answers, strict=True):
        expected = by_definition(model, request)
        assert answer == (pytest.approx(expected.log_p, abs=1e-4), expected.greedy)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_log_likelihoods_are_those_by_definition(name: str, pair: Callable[[str], Pair]) -> None:
    ours, own = pair(name)
    asked = requests(own)
    answers = score(ours, asked)
    check(own, asked, answers)
    assert sum(answer.greedy for answer in answers) >= 12  # the model's own continuations
    assert len({round(answer.log_p, 3) for answer in answers}) > 30


def test_a_single_token(pair: Callable[[str], Pair]) -> None:
    """The shortest request there is: one token read, one predicted."""
    ours, own = pair("llama")
    asked = [encoded([7, 8], 1), encoded([7, 9], 1), encoded([5, 9], 1)]
    check(own, asked, score(ours, asked))
    check(own, asked[:1], score(ours, asked[:1]))


def test_only_a_window_of_targets_is_scored(pair: Callable[[str], Pair]) -> None:
    """All that is read may be scored too, as where a text without a context was cut."""
    ours, own = pair("llama")
    tokens = [5, 9, 200, 31, 7, 7, 12]
    asked = [encoded(tokens, count) for count in range(1, 7)]
    answers = score(ours, asked)
    check(own, asked, answers)
    log_ps = [answer.log_p for answer in answers]
    assert log_ps == sorted(log_ps, reverse=True)


def test_equal_requests_and_requests_within_others(pair: Callable[[str], Pair]) -> None:
    ours, own = pair("llama")
    tokens = list(range(20, 60))
    asked = [encoded(tokens[:stop], count) for stop in (40, 10, 25, 40, 10) for count in (1, 4)]
    answers = score(ours, asked)
    check(own, asked, answers)
    assert answers[0:4] == answers[6:10]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_does_not_change_its_members(name: str, pair: Callable[[str], Pair]) -> None:
    ours, own = pair(name)
    asked = requests(own, seed=1)
    together = score(ours, asked)
    order = random.Random(1).sample(range(len(asked)), len(asked))
    shuffled = score(ours, [asked[index] for index in order])
    for place, index in enumerate(order):
        assert shuffled[place].log_p == pytest.approx(together[index].log_p, abs=1e-4)
        assert shuffled[place].greedy == together[index].greedy
    for index in order[:8]:
        (alone,) = score(ours, [asked[index]])
        assert alone.log_p == pytest.approx(together[index].log_p, abs=1e-4)
        assert alone.greedy == together[index].greedy


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_logits_are_held_in_blocks(
    rows: int, pair: Callable[[str], Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, own = pair("llama")
    asked = requests(own)
    whole = score(ours, asked)
    vocabulary = ours.get_output_embeddings().weight.shape[0]
    monkeypatch.setattr(scoring, "LOGITS_BYTES", 4 * vocabulary * rows)
    largest = []

    def watch(model: Any, hidden_MD: torch.Tensor) -> torch.Tensor:
        largest.append(len(hidden_MD))
        return final_logits(model, hidden_MD)

    monkeypatch.setattr(scoring, "final_logits", watch)
    answers = score(ours, asked)
    assert max(largest) <= rows
    assert max(largest) - min(largest) <= 1
    for answer, expected in zip(answers, whole, strict=True):
        assert answer == (pytest.approx(expected.log_p, abs=1e-4), expected.greedy)


def test_answers_are_plain_numbers(pair: Callable[[str], Pair]) -> None:
    """They are kept as JSON."""
    ours, _ = pair("llama")
    (answer,) = score(ours, [encoded([7, 8, 9], 2)])
    assert (type(answer.log_p), type(answer.greedy)) == (float, bool)


def test_the_model_is_left_as_it_was(pair: Callable[[str], Pair]) -> None:
    ours, _ = pair("llama")
    score(ours, [encoded([7, 8, 9], 2)])
    assert not any(parameter.grad is not None for parameter in ours.parameters())
    with pytest.raises(AssertionError, match="outside"):
        ours(torch.tensor([[7, 8]]))


# --- what families do to their logits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("llama", {}),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": 3.0}),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
        ("gemma3", {"final_logit_softcapping": 3.0}),
        ("cohere", {"logit_scale": 0.25}),
        ("cohere", {"logit_scale": 3.0}),
        ("granite", {"logits_scaling": 8.0}),
        ("granite", {"logits_scaling": 0.5}),
    ],
)
def test_logits_are_the_models_own(
    name: str, changes: dict[str, Any], pair: Callable[..., Pair]
) -> None:
    ours, own = pair(name, **changes)
    ids = torch.tensor([[7, 40, 31, 200, 9]])
    with torch.no_grad():
        expected = own(ids).logits[0]
        hidden = own.base_model(ids).last_hidden_state[0]
        plain = own.get_output_embeddings()(hidden)
        found = final_logits(own, hidden)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.allclose(expected, plain) == (not any(changes.values()))
    asked = requests(own)[:20]
    check(own, asked, score(ours, asked))


def test_logits_are_in_fp32(pair: Callable[[str], Pair], tmp_path: Path) -> None:
    folder = make_family("llama", tmp_path / "model")
    machine = Machine(device="cpu", device_name="", dtype="bfloat16")
    model = load_model(folder, machine).model
    hidden = torch.randn(3, 32).bfloat16()
    with torch.no_grad():
        assert final_logits(model, hidden).dtype == torch.float32
