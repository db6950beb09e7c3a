from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from forget.metrics.calibration import BINS, calibration_error, confidence


def test_confidence_is_the_likeliest_choices_probability() -> None:
    assert confidence([-1.0, -2.0], [1, 1]) == pytest.approx(1 / (1 + exp(-1)))
    assert confidence([-3.0] * 4, [1] * 4) == 0.25


def test_confidence_ranks_choices_as_a_normalised_metric_does() -> None:
    """-6 over three characters is likelier than -4 over one; both are two long on average."""
    assert confidence([-4.0, -6.0], [1, 3]) == pytest.approx(1 / (1 + exp(2 * (-4 + 2))))


@pytest.mark.parametrize("length", [1, 7, 250])
def test_choices_of_one_length_keep_their_probabilities(length: int) -> None:
    assert confidence([-1.0, -2.0], [length, length]) == pytest.approx(1 / (1 + exp(-1)))


def test_confidence_of_log_likelihoods_beyond_the_range_of_exp() -> None:
    assert confidence([-5000.0, -5001.0], [1, 1]) == pytest.approx(1 / (1 + exp(-1)))
    assert confidence([-1.0, -9000.0], [1, 1]) == 1.0


def test_a_choice_of_no_length_is_never_the_answer() -> None:
    assert confidence([-1.0, -5.0], [0, 1]) == 1.0


@given(
    st.lists(st.floats(-500, 0), min_size=2, max_size=6),
    st.lists(st.integers(1, 50), min_size=6, max_size=6),
)
def test_confidence_against_scipys_softmax(values: Sequence[float], lengths: list[int]) -> None:
    lengths = lengths[: len(values)]
    mean = sum(lengths) / len(lengths)
    ranks = [value * mean / length for value, length in zip(values, lengths, strict=True)]
    assert confidence(values, lengths) == pytest.approx(max(softmax(ranks)), rel=1e-9)


def test_error_by_hand() -> None:
    """Two bins of two: means .9 and .55 beside accuracies of .5 and 1."""
    found = calibration_error([0.8, 1.0, 0.51, 0.59], [1, 0, 1, 1], bins=10)
    by_bin = [abs(0.8 - 1) / 4, abs(1.0 - 0) / 4, abs(1.1 - 2) / 4]  # .8, 1.0, and (.5, .6]
    assert found == pytest.approx(sum(by_bin))


def test_one_bin_leaves_the_gap_of_the_means() -> None:
    assert calibration_error([0.2, 0.4], [1, 1], bins=1) == pytest.approx(0.7)


def test_bins_hold_their_upper_edge() -> None:
    """(0, .5] holds .5, so that both cancel; 0 belongs to the first."""
    assert calibration_error([0.5, 0.0], [0, 1], bins=2) == pytest.approx(0.25)
    assert calibration_error([0.5, 0.6], [1, 0], bins=2) == pytest.approx(0.55)


@pytest.mark.parametrize(("right", "error"), [(1, 0.0), (0, 1.0)])
def test_certain_answers(right: int, error: float) -> None:
    assert calibration_error([1.0] * 7, [right] * 7) == error


def test_a_calibrated_model_has_none_but_chance() -> None:
    random = Random(0)
    sure = [random.uniform(0.25, 1) for _ in range(200_000)]
    right = [float(random.random() < s) for s in sure]
    assert calibration_error(sure, right) < 0.01


def test_an_overconfident_model() -> None:
    random = Random(0)
    sure = [random.uniform(0.5, 1) for _ in range(50_000)]
    right = [float(random.random() < s - 0.2) for s in sure]
    assert calibration_error(sure, right) == pytest.approx(0.2, abs=0.01)


def in_numpy(sure: Sequence[float], right: Sequence[float]) -> float:
    """Bin by comparing with the edges, and count as the paper's equation does."""
    import numpy as np

    confidences, correct = np.asarray(sure), np.asarray(right)
    total = 0.0
    for m in range(1, BINS + 1):
        inside = (confidences > (m - 1) / BINS) & (confidences <= m / BINS)
        if inside.any():
            gap = abs(correct[inside].mean() - confidences[inside].mean())
            total += inside.sum() / len(confidences) * gap
    return float(total)


@pytest.mark.parametrize("seed", range(5))
def test_against_the_equation_in_numpy(seed: int) -> None:
    random = Random(seed)
    sure = [random.random() for _ in range(300)]
    right = [float(random.random() < 0.5) for _ in sure]
    assert calibration_error(sure, right) == pytest.approx(in_numpy(sure, right), abs=1e-12)


@pytest.mark.parametrize(("sure", "right"), [([], []), ([0.5], []), ([0.5], [1, 0])])
def test_samples_that_do_not_fit(sure: list[float], right: list[float]) -> None:
    with pytest.raises(ValueError, match="equally long, non-empty"):
        calibration_error(sure, right)


@pytest.mark.parametrize("sure", [-0.1, 1.1, float("nan"), inf])
def test_what_is_no_probability(sure: float) -> None:
    with pytest.raises(ValueError, match="is no probability"):
        calibration_error([sure], [1])
