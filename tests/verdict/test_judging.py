"""The four verdicts, and that they are not given lightly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from forget.metrics import macro_average
from forget.verdict.evidence import Evidence, weigh
from forget.verdict.judging import Case, Judgement, judge_alone, judge_average, judge_together
from forget.verdict.terms import Terms


def answers(items: int, lost: int, gained: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of base and checkpoint: half of the items right before."""
    base = np.array([1.0] * (items // 2) + [0.0] * (items - items // 2))
    other = base.copy()
    other[:lost] = 0
    other[items - gained :] = 1
    return base, other


def evidence(items: int, lost: int, gained: int, name: str = "a") -> Evidence:
    return weigh(*answers(items, lost, gained), None, name)


def case(items: int, lost: int, gained: int, chance: float | None = None) -> Case:
    return Case(evidence(items, lost, gained), 0.5, chance, None)


def judged(items: int, lost: int, gained: int, others: int = 0, **terms: float) -> Judgement:
    """Judge a benchmark among others on which nothing changed."""
    row = [case(items, lost, gained), *([case(100, 0, 0)] * others)]
    return judge_together([row], Terms(**terms))[0][0]  # type: ignore[arg-type]


def test_forgot() -> None:
    # the study's BoolQ: -2.23 points of 3,270 items at a discordance of 5 %
    found = judged(3270, 118, 45, others=9)
    assert found.verdict == "forgot"
    assert found.p == pytest.approx(9.7366e-9, rel=1e-4)
    assert found.p_holm == pytest.approx(9.7366e-8, rel=1e-4)
    assert found.reason == (
        "118 of 3,270 items lost and 45 gained: exact McNemar, p < 0.0001 after Holm's correction "
        "for 10 tests."
    )


def test_the_same_drop_is_not_sure_at_a_larger_discordance() -> None:
    found = judged(3270, 363, 291, others=9)
    assert found.p == pytest.approx(5.4576e-3, rel=1e-4)
    assert found.p_holm == pytest.approx(0.054576, rel=1e-4)
    assert found.verdict == "inconclusive"
    assert judged(3270, 363, 291).verdict == "forgot"


def test_improved() -> None:
    found = judged(1000, 10, 50)
    assert found.verdict == "improved"
    assert found.reason.startswith("10 of 1,000 items lost and 50 gained: exact McNemar, p < 0.0")


def test_kept() -> None:
    found = judged(14042, 140, 140)
    assert found.verdict == "kept"
    assert found.reason == ("A drop of more than 1.0 points is ruled out (one-sided, 95 %).")
    assert found.p_equivalent is not None
    assert found.p_equivalent < 0.05


def test_the_margin_decides_between_kept_and_inconclusive() -> None:
    assert judged(1000, 20, 20, margin=0.01).verdict == "inconclusive"
    assert judged(1000, 20, 20, margin=0.02).verdict == "kept"


def test_inconclusive_says_what_would_have_been_seen() -> None:
    found = judged(500, 15, 10, others=9)
    assert found.verdict == "inconclusive"
    assert found.detectable == pytest.approx(0.0280, abs=5e-5)
    assert found.detectable_holm == pytest.approx(0.0280 * 1.3023, abs=1e-4)
    assert "drops of 3.6 points or more would be found 4 times in 5" in found.reason


def test_a_drop_that_is_sure_and_small_is_called_small() -> None:
    found = judged(100_000, 300, 200)
    assert found.verdict == "forgot"
    assert found.reason.endswith("; but less than the margin of 1.0 points.")


def test_nothing_changed() -> None:
    found = judged(1000, 0, 0)
    assert (found.verdict, found.p, found.p_holm, found.bootstrap) == ("kept", 1.0, 1.0, None)
    assert judged(100, 0, 0).verdict == "inconclusive"  # 100 items cannot rule out a point


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0)])
def test_one_item(lost: int, gained: int) -> None:
    found = weigh(np.array([1.0]), np.array([1.0 - lost]), None, "a")
    judgement = judge_alone(Case(found, 1.0, 0.25, None), Terms())
    assert judgement.verdict == "inconclusive"
    assert judgement.reason == "Single item: there is no spread to judge by."
    assert (judgement.p, judgement.interval) == (None, None)


def test_one_cluster() -> None:
    found = weigh(*answers(100, 20, 0), np.zeros(100, dtype=np.intp), "a")
    judgement = judge_alone(Case(found, 0.5, None, None), Terms())
    assert judgement.verdict == "inconclusive"
    assert judgement.reason == "All items belong to one cluster: there is no spread to judge by."


def test_all_correct() -> None:
    ones = np.ones(2000)
    found = judge_alone(Case(weigh(ones, ones, None, "a"), 1.0, 0.25, None), Terms())
    assert found.verdict == "kept"
    assert found.flips == (0.0, 0.0)


def test_clusters_are_what_is_sure_or_not() -> None:
    base, other = answers(1000, 40, 10)
    everywhere = np.arange(1000) % 50
    assert judge_alone(
        Case(weigh(base, other, everywhere, "a"), 0.5, None, None), Terms()
    ).test == ("sign flips of 50 clusters")
    alone = judge_alone(Case(weigh(base, other, None, "a"), 0.5, None, None), Terms())
    # all that was lost is of two subjects of 50
    together = np.minimum(np.arange(1000) // 20, 49)
    clustered = judge_alone(Case(weigh(base, other, together, "a"), 0.5, None, None), Terms())
    assert alone.verdict == "forgot"
    assert clustered.verdict == "inconclusive"
    assert clustered.interval_method == "cluster-robust t, 50 clusters"


def test_graded_scores() -> None:
    random = np.random.default_rng(0)
    base = random.random(817)
    found = weigh(base, base - 0.05 + 0.2 * random.standard_normal(817), None, "t")
    judgement = judge_alone(Case(found, float(base.mean()), 0.45, None), Terms())
    assert judgement.verdict == "forgot"
    assert (judgement.test, judgement.interval_method) == ("sign flips", "Student's t")
    assert (judgement.p_mid, judgement.flips) == (None, None)
    assert "points over 817 items: sign flips" in judgement.reason


def test_guessing_is_taken_off_the_flips() -> None:
    found = judge_alone(case(1000, 100, 60, chance=0.25), Terms())
    assert found.flips is not None
    guessed = 0.5 * 0.54 / 3
    assert found.flips == pytest.approx((0.1 - guessed, max(0.0, 0.06 - guessed)))
    assert judge_alone(case(1000, 100, 60), Terms()).flips is None


def test_checkpoints_can_be_counted_among_the_looks() -> None:
    rows = [[case(3270, 180, 130)], [case(3270, 0, 0)], [case(3270, 0, 0)]]
    alone = judge_together(rows, Terms())[0][0]
    together = judge_together(rows, Terms(over="checkpoints"))[0][0]
    assert alone.p is not None
    assert alone.p_holm == alone.p
    assert together.p_holm == pytest.approx(3 * alone.p)
    assert (alone.looks, together.looks) == (1, 3)
    # Being the worst of a checkpoint's benchmarks is another question.
    assert (together.p_max, together.corrected) == (alone.p_max, alone.corrected)


def test_the_worst_of_ten_allows_for_being_the_worst() -> None:
    found = judged(1000, 40, 22, others=9)
    assert found.p is not None
    assert found.p_max is not None
    # the others did not change at all, so chance has one benchmark to show something on
    assert found.p_max == pytest.approx(found.p)
    busy = judge_together([[case(1000, 40, 22)] * 10], Terms())[0][0]
    assert busy.p_max == pytest.approx(1 - (1 - found.p) ** 10, rel=1e-6)
    assert busy.interval is not None
    assert busy.corrected is not None
    assert busy.corrected.low < busy.interval.low < busy.interval.high < busy.corrected.high


def test_the_average() -> None:
    parts = [evidence(1000, 40, 10, "a"), evidence(2000, 30, 30, "b")]
    average = macro_average([part.change for part in parts])
    found = judge_average(average, parts, None, Terms())
    assert found.verdict == "forgot"
    assert found.p_holm == found.p
    assert found.bootstrap is not None
    assert found.interval is not None
    assert found.bootstrap == pytest.approx(found.interval, abs=1e-3)
    assert found.reason.startswith("-1.5 points on average: z-test of the mean of benchmarks")


def test_an_average_over_a_single_item() -> None:
    parts = [weigh(np.array([1.0]), np.array([0.0]), None, "a"), evidence(1000, 4, 1)]
    found = judge_average(macro_average([part.change for part in parts]), parts, None, Terms())
    assert found.verdict == "inconclusive"
    assert "single item or cluster" in found.reason


def test_two_evaluations_of_the_same_weights_are_never_called_forgetting() -> None:
    """A/A: 100 resamples of the items of ten benchmarks, answered twice by one model."""
    random = np.random.default_rng(1)
    for _ in range(100):
        row, parts = [], []
        for number, items in enumerate((500, 817, 1172)):
            scores = random.integers(0, 2, items).astype(float)
            if number == 1:
                scores = random.random(items)
            found = weigh(scores, scores.copy(), None, f"b{number}")
            parts.append(found)
            row.append(Case(found, float(scores.mean()), 0.25, None))
        judgements = judge_together([row], Terms())[0]
        average = judge_average(macro_average([p.change for p in parts]), parts, None, Terms())
        assert {j.verdict for j in (*judgements, average)} <= {"kept", "inconclusive"}
        assert {j.p_holm for j in (*judgements, average)} == {1.0}
