"""Folders that lm-eval itself has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foreign_results import lm_eval_by_hand, make_results
from forget.evaluation.harness import document_digest
from forget.verdict.answered import Side
from forget.verdict.foreign import foreign_side
from forget_benchmarks import core10, mini
from lm_eval_tasks import SUBJECTS, write_tasks

pytestmark = pytest.mark.slow

TWO_FILTERS = """
task: two_filters
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 4, do_sample: false}}
filter_list:
  - name: strict
    filter: [{{function: regex, regex_pattern: "([0-9]+)"}}, {{function: take_first}}]
  - name: whole
    filter: [{{function: take_first}}]
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""

BENCHMARKS = [*mini.forget_benchmarks(), *core10.forget_benchmarks()]


@pytest.fixture(scope="module")
def folder(lively_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lm-eval")
    rows = [json.dumps({"question": f"{n} + 1 =", "answer": str(n + 1)}) for n in range(4)]
    (made / "rows.jsonl").write_text("\n".join(rows))
    (made / "two_filters.yaml").write_text(TWO_FILTERS.format(data=made / "rows.jsonl"))
    tasks = ["mini_mmlu", "mini_piqa", "mini_truthfulqa", "mini_ifeval", "two_filters"]
    options: dict[str, Any] = {"limit": 4, "gen_kwargs": {"max_gen_toks": 8}}
    return lm_eval_by_hand(lively_model, made / "out", tasks, include=[made], **options)


@pytest.fixture(scope="module")
def side(folder: Path) -> Side:
    return foreign_side(folder, "x", BENCHMARKS)


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    [file] = folder.glob("results_*.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_the_scores_are_lm_evals(side: Side, results: dict[str, Any]) -> None:
    assert side.left_out == {}
    metrics = {name: answered.metric for name, answered in side.answered.items()}
    assert metrics == {
        "mini_ifeval": "prompt_level_strict_acc",
        "mini_mmlu": "acc",
        "mini_piqa": "acc_norm",
        "mini_truthfulqa": "acc",
        "two_filters": "exact_match",
    }
    for name, answered in side.answered.items():
        items = answered.read()
        key = "exact_match,strict" if name == "two_filters" else f"{answered.metric},none"
        mean = sum(item.score for item in items) / len(items)
        assert mean == pytest.approx(results["results"][name][key])
        assert len(items) == (16 if name == "mini_mmlu" else 4)
    assert {item.score for item in side.answered["mini_truthfulqa"].read()} - {0.0, 1.0}


def test_documents_have_the_digests_of_ours(side: Side) -> None:
    from forget.evaluation.exam import BenchmarkExam
    from forget.mirror import Mirror

    for benchmark in mini.forget_benchmarks():
        if benchmark.name in side.answered and benchmark.name != "mini_mmlu":
            ours = BenchmarkExam(benchmark, Mirror(), 4).questions()
            items = side.answered[benchmark.name].read()
            assert [(item.task, item.doc_hash, item.doc_id) for item in items] == ours
    [first, *_] = side.answered["two_filters"].read()
    assert first.doc_hash == document_digest({"question": "0 + 1 =", "answer": "1"})


def test_the_settings_are_told(side: Side) -> None:
    settings = side.answered["mini_ifeval"].settings
    assert json.loads(settings["generation_kwargs"])["max_gen_toks"] == 8
    told = {"engine", "device", "dtype", "torch", "transformers", "lm-eval", "n-shot", "limit"}
    assert told <= settings.keys()
    assert settings["limit"] == "4"
    filters = json.loads(side.answered["two_filters"].settings["filter_list"])
    assert [each["name"] for each in filters] == ["strict", "whole"]


def test_hand_made_results_have_lm_evals_form(folder: Path, tmp_path: Path) -> None:
    """What other tests read is like what lm-eval writes."""
    made = make_results(tmp_path, {"mini_piqa": {"acc": [1.0], "acc_norm": [1.0]}})
    [real] = folder.glob("results_*.json")
    ours, theirs = (json.loads(file.read_text()) for file in (made, real))
    assert ours.keys() <= theirs.keys()
    assert ours["config"].keys() <= theirs["config"].keys()
    for key in ("configs", "versions", "n-shot", "higher_is_better", "n-samples"):
        a, b = ours[key]["mini_piqa"], theirs[key]["mini_piqa"]
        assert isinstance(a, type(b))
        assert not isinstance(a, dict) or a.keys() <= b.keys()
    samples = (next(f.glob("samples_mini_piqa_*")) for f in (tmp_path, folder))
    one, another = (json.loads(file.read_text().splitlines()[0]) for file in samples)
    assert one.keys() == another.keys()
    assert one["arguments"]["gen_args_0"].keys() == another["arguments"]["gen_args_0"].keys()


def test_published_tasks(
    lively_model: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MMLU is a group of groups there; of three subjects it is not the registered benchmark."""
    monkeypatch.setenv("NLTK_DATA", str(data_root / "nltk_data"))
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    write_tasks(tasks, data_root)
    options: dict[str, Any] = {"limit": 2, "gen_kwargs": {"max_gen_toks": 4}}
    names = ["mmlu", "truthfulqa_mc2", "ifeval", "arc_easy"]
    folder = lm_eval_by_hand(lively_model, tmp_path / "out", names, include=[tasks], **options)
    side = foreign_side(folder, "x", BENCHMARKS)
    assert {name: (found.metric, found.chance) for name, found in side.answered.items()} == {
        "arc_easy": ("acc_norm", 0.25),
        "ifeval": ("prompt_level_strict_acc", 0.0),
        "mmlu": ("acc", None),
        "truthfulqa_mc2": ("acc", 0.4484),
    }
    tasks_of = {item.task for item in side.answered["mmlu"].read()}
    assert tasks_of == {f"mmlu_{subject}" for subject in SUBJECTS}
