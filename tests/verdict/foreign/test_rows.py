from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foreign_results import DATE, make_results, make_sample
from forget.errors import DataError
from forget.evaluation.harness import document_digest
from forget.verdict.foreign.files import find_tasks
from forget.verdict.foreign.rows import ForeignTask, UnfitError, read_task


def read(folder: Path, task: str = "t") -> ForeignTask:
    return read_task(find_tasks(folder)[task])


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the samples of the task."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"samples_t_{DATE}.jsonl").write_text(lines)


def test_an_item_is_as_ours(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0, 0.0], "acc_norm": [0.0, 0.0]}})
    first, second = read(tmp_path).items("acc")
    assert first.task == "t"
    assert (first.doc_id, second.doc_id) == (0, 1)
    assert first.doc_hash == document_digest({"answer": 0, "question": "Is 0 in t?"})
    assert (first.score, second.score) == (1.0, 0.0)
    assert first.metrics == {"acc": 1.0, "acc_norm": 0.0}
    assert first.prompt == "Is 0 in t?"
    assert first.target == "0"
    assert first.response == [[-1.5, True], [-2.5, False]]


@pytest.mark.parametrize(
    ("metrics", "chosen"),
    [
        (("acc", "acc_norm"), "acc_norm"),
        (("brier", "acc"), "acc"),
        (("quasi", "exact_match"), "exact_match"),
        (("mine", "yours"), "mine"),
    ],
)
def test_the_metric_that_counts(metrics: tuple[str, ...], chosen: str, tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {name: [1.0, 0.0] for name in metrics}})
    assert read(tmp_path).metric() == chosen


def test_metrics_that_cannot_be_compared(tmp_path: Path) -> None:
    """lm-eval's own: lists for each item, perplexities, sums over a corpus."""
    make_results(
        tmp_path,
        {
            "t": {
                "inst_level_strict_acc": [[True], [False, True]],
                "acc": [1.0, 0.0],
                "bleu": [30.0, 20.0],
                "perplexity": [1.0, 0.5],
            }
        },
        results={"t": {"acc,none": 0.9}},
        higher_is_better={"t": {"perplexity": False}},
    )
    with pytest.raises(UnfitError) as caught:
        read(tmp_path).metric()
    assert str(caught.value) == (
        "it has no metric that can be compared item by item (inst_level_strict_acc is not one "
        "number for each item; acc is reported as 0.9, which is not the mean of the items; bleu is "
        "not a share from 0 to 1; perplexity is better when it is lower)"
    )
    with pytest.raises(UnfitError, match="its bleu is not a share"):
        read(tmp_path).items("bleu")
    with pytest.raises(UnfitError, match="its f1 is none of its metrics"):
        read(tmp_path).items("f1")


def test_scores_that_are_not_numbers_are_read(tmp_path: Path) -> None:
    """They are refused by name where they are paired."""
    make_results(tmp_path, {"t": {"acc": [1.0, float("nan")]}})
    assert str(read(tmp_path).items("acc")[1].score) == "nan"


def filtered(filters: tuple[str, ...], **changes: Any) -> list[dict[str, Any]]:
    return [
        make_sample("t", index, {"exact_match": float(name == "flexible")}, filter=name, **changes)
        for name in filters
        for index in range(2)
    ]


@pytest.mark.parametrize("named", [True, False])
def test_the_first_of_several_filters(named: bool, tmp_path: Path) -> None:
    """Before 0.4.8 samples did not name their filter, but came in the same order."""
    scores = {"exact_match,flexible": 1.0, "exact_match,strict": 0.0}
    make_results(tmp_path, {"t": {"exact_match": [1.0, 1.0]}}, results={"t": scores})
    rows = filtered(("flexible", "strict"))
    if not named:
        rows = [{k: v for k, v in row.items() if k not in ("filter", "metrics")} for row in rows]
    write(tmp_path, rows)
    found = read(tmp_path)
    assert found.filter == "flexible"
    assert found.metric() == "exact_match"
    assert [item.score for item in found.items("exact_match")] == [1.0, 1.0]


def test_lists_of_arguments_and_texts(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0]}})
    arguments = [["what was read", {"until": []}]]
    write(
        tmp_path, [make_sample("t", 0, {"acc": 1.0}, arguments=arguments, filtered_resps=["text"])]
    )
    [item] = read(tmp_path).items("acc")
    assert (item.prompt, item.response) == ("what was read", ["text"])


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0, 1.0]}})
    write(tmp_path, [make_sample("t", 0, {"acc": 1.0})])
    with pytest.raises(DataError, match=r"has 1 of the 2 items that results_.*: it was cut"):
        read(tmp_path)


def test_items_twice(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0, 1.0]}})
    write(tmp_path, [make_sample("t", 0, {"acc": 1.0})] * 2)
    with pytest.raises(DataError, match="has items twice"):
        read(tmp_path)


@pytest.mark.parametrize("key", ["doc", "arguments", "doc_id"])
def test_samples_without_what_is_needed(key: str, tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0]}})
    row = make_sample("t", 0, {"acc": 1.0})
    del row[key]
    write(tmp_path, [row])
    with pytest.raises(DataError, match=f"its samples have no '{key}'. Evaluate again"):
        read(tmp_path)


def test_the_digest_is_not_needed(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0]}})
    row = make_sample("t", 0, {"acc": 1.0})
    write(tmp_path, [{key: value for key, value in row.items() if "hash" not in key}])
    assert len(read(tmp_path).items("acc")) == 1


def test_samples_that_were_not_logged(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1.0]}})
    (tmp_path / f"samples_t_{DATE}.jsonl").unlink()
    with pytest.raises(UnfitError, match="no samples of it beside it: --log_samples"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("doc_id", "first"),
        ("doc_id", [0]),
        ("arguments", None),
        ("arguments", {}),
        ("arguments", [[]]),
        ("filtered_resps", 3),
    ],
)
def test_samples_that_lm_eval_could_not_have_written(tmp_path: Path, key: str, value: Any) -> None:
    make_results(tmp_path, {"t": {"acc": [1, 0]}})
    write(
        tmp_path, [make_sample("t", 0, {"acc": 1}), make_sample("t", 1, {"acc": 0}) | {key: value}]
    )
    with pytest.raises(DataError, match=rf"samples_t_.*\.jsonl is damaged: .*'{key}'"):
        read(tmp_path).items("acc")


def test_a_metric_that_counts_may_stand_alone_in_an_item(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1, 0], "other": [1, 1]}})
    first = make_sample("t", 0, {"acc": 1, "other": 1})
    write(tmp_path, [first, make_sample("t", 1, {"acc": 0})])
    assert [item.metrics for item in read(tmp_path).items("acc")] == [
        {"acc": 1.0, "other": 1.0},
        {"acc": 0.0},
    ]
