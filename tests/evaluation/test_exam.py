from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark
from forget.completion import Completion, Message, Sampling
from forget.dataset import DataAccess, Example, Verdict
from forget.errors import DataError
from forget.evaluation import exam as exam_module
from forget.evaluation.exam import BenchmarkExam, TaskExam
from forget.inference.engine import Complete, Score
from forget.mirror import Mirror
from forget_benchmarks import core10, mini
from forget_datasets.arithmetic import Arithmetic
from forget_datasets.gsm8k import Gsm8k

Make = Callable[..., tuple[Benchmark, Mirror]]

RIGHT = [[-1.0, True], [-2.0, False]]
WRONG = [[-2.0, False], [-1.0, True]]


def key(benchmark: Benchmark, mirror: Mirror, limit: int | None = None) -> str:
    return BenchmarkExam(benchmark, mirror, limit).key()


def named(plugin: Any, name: str) -> Benchmark:
    (found,) = (b for b in plugin.forget_benchmarks() if b.name == name)
    return found


def write_rows(path: Path, rows: dict[str, list[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(rows), path)


def moved(benchmark: Benchmark, folder: Path) -> Benchmark:
    """Return a benchmark whose task files, and what lies beside them, are in another folder."""
    shutil.copytree(benchmark.tasks[0].path.parent, folder)
    tasks = tuple(attrs.evolve(t, path=folder / t.path.name) for t in benchmark.tasks)
    return attrs.evolve(benchmark, tasks=tasks)


# --- what a benchmark's key depends on


def test_the_key_is_the_same_for_the_same_questions(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 3})
    assert key(benchmark, mirror) == key(benchmark, mirror)
    assert key(benchmark, mirror).startswith("made-")


def test_the_key_counts_the_limit(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    assert len({key(benchmark, mirror, limit) for limit in (None, 1, 2)}) == 3


def test_the_key_counts_the_data(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 2})
    assert mirror.root is not None
    before = key(benchmark, mirror)
    shutil.copy(mirror.root / "a" / "test.parquet", mirror.root / "b" / "test.parquet")
    assert key(benchmark, mirror) != before


def test_the_key_counts_the_task_file(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 2})
    before = key(benchmark, mirror)
    file = benchmark.tasks[1].path
    file.write_text(file.read_text().replace("{{question}}", "Q: {{question}}"))
    assert key(benchmark, mirror) != before


@pytest.mark.parametrize("change", [{"metric": "acc_norm"}, {"items": 8}, {"name": "other"}])
def test_the_key_counts_the_benchmarks_definition(
    make_benchmark: Make, change: dict[str, Any]
) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    assert key(attrs.evolve(benchmark, **change), mirror) != key(benchmark, mirror)


def test_the_key_does_not_count_what_items_are_clustered_by(make_benchmark: Make) -> None:
    """Scores that were made before somebody said it are still good."""
    benchmark, mirror = make_benchmark({"a": 2})
    clustered = attrs.evolve(benchmark, cluster="question")
    assert key(clustered, mirror) == key(benchmark, mirror)


def test_the_key_counts_which_tasks(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 2})
    first = attrs.evolve(benchmark, tasks=benchmark.tasks[:1])
    assert key(first, mirror) != key(benchmark, mirror)


def test_the_key_counts_lm_evals_version(
    make_benchmark: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    before = key(benchmark, mirror)
    monkeypatch.setattr(exam_module, "package_version", lambda _: "9.9")
    assert key(benchmark, mirror) != before


def test_the_key_counts_the_generators_code(tmp_path: Path) -> None:
    benchmark = moved(named(mini, "mini_piqa"), tmp_path / "mini")
    before = key(benchmark, Mirror())
    with (tmp_path / "mini" / "build.py").open("a") as file:
        file.write("ITEMS = 99\n")
    assert key(benchmark, Mirror()) != before


def test_the_key_counts_what_the_task_file_includes(tmp_path: Path) -> None:
    benchmark = moved(named(mini, "mini_mmlu"), tmp_path / "mini")
    before = key(benchmark, Mirror())
    template = tmp_path / "mini" / "_mini_mmlu_template_yaml"
    template.write_text(template.read_text().replace("Question:", "Q:"))
    assert key(benchmark, Mirror()) != before


@pytest.mark.parametrize(
    "include",
    [
        "include: base_yaml",
        "include: './base_yaml'  # shared",
        '"include": "base_yaml"',
        "include: [other_yaml, base_yaml]",
        "include:\n  - other_yaml\n  - base_yaml",
    ],
    ids=["plain", "quoted", "quoted-key", "flow", "list"],
)
def test_the_key_counts_an_include_however_it_is_written(
    make_benchmark: Make, include: str
) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    file = benchmark.tasks[0].path
    base = file.with_name("base_yaml")
    base.write_text(file.read_text())
    file.with_name("other_yaml").write_text("num_fewshot: 0")
    file.write_text(f"{include}\ntask: a\n")
    before = key(benchmark, mirror)
    assert len(BenchmarkExam(benchmark, mirror, None).requests(Path())) == 4
    base.write_text(base.read_text().replace("{{question}}", "Q: {{question}}"))
    assert key(benchmark, mirror) != before


def test_the_key_counts_code_that_a_task_with_a_mirror_names(make_benchmark: Make) -> None:
    """It may build the prompts or mark the answers."""
    benchmark, mirror = make_benchmark({"a": 2})
    file = benchmark.tasks[0].path
    file.write_text(file.read_text().replace('"{{question}}"', "!function utils.ask"))
    code = file.with_name("utils.py")
    code.write_text("def ask(doc):\n    return doc['question']\n")
    before = key(benchmark, mirror)
    assert BenchmarkExam(benchmark, mirror, 1).requests(Path())[0] == Score("Is 0 in a?", " yes")
    code.write_text("def ask(doc):\n    return 'Q: ' + doc['question']\n")
    assert key(benchmark, mirror) != before


def test_a_checkout_elsewhere_has_the_same_key(tmp_path: Path) -> None:
    here = named(mini, "mini_mmlu")
    assert key(moved(here, tmp_path / "elsewhere"), Mirror()) == key(here, Mirror())


def test_a_mirror_elsewhere_gives_the_same_key(make_benchmark: Make, tmp_path: Path) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    assert mirror.root is not None
    shutil.copytree(mirror.root, tmp_path / "copy")
    assert key(benchmark, Mirror(root=tmp_path / "copy")) == key(benchmark, mirror)


def test_a_task_file_the_mirror_lacks_is_found_by_the_key(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    assert mirror.root is not None
    (mirror.root / "a" / "test.parquet").unlink()
    with pytest.raises(DataError, match="lm-eval's a is missing"):
        key(benchmark, mirror)


def test_keys_of_published_benchmarks_differ(data_root: Path) -> None:
    mirror = Mirror(root=data_root)
    found = [*core10.forget_benchmarks(), *mini.forget_benchmarks()]
    assert len({key(b, mirror).rpartition("-")[2] for b in found}) == len(found) == 20


def test_changed_data_is_read_although_its_time_is_the_same(make_benchmark: Make) -> None:
    """Copies that keep times (rsync, tar) must not be scored as what lay there before."""
    benchmark, mirror = make_benchmark({"a": 2, "b": 2})
    assert mirror.root is not None
    file, other = (mirror.root / name / "test.parquet" for name in "ab")
    exam = BenchmarkExam(benchmark, mirror, None)
    assert exam.requests(Path())[0] == Score("Is 0 in a?", " yes")
    before = exam.key()
    times = file.stat()
    shutil.copy(other, file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = BenchmarkExam(benchmark, mirror, None)
    assert changed.key() != before
    assert changed.requests(Path())[0] == Score("Is 0 in b?", " yes")


def test_damaged_data_is_found_by_the_check(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 2})
    assert mirror.root is not None
    exam = BenchmarkExam(benchmark, mirror, None)
    exam.check()
    file = mirror.root / "b" / "test.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match="lm-eval's b cannot be read"):
        exam.check()


# --- marking a benchmark


def test_tasks_are_averaged_weighted_by_size(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"small": 1, "large": 4})
    exam = BenchmarkExam(benchmark, mirror, None)
    assert len(exam.requests(Path())) == 10
    marked = exam.mark([*RIGHT, *RIGHT, *WRONG, *WRONG, *WRONG])
    assert marked.score == pytest.approx(2 / 5)  # the mean of the tasks' means were 5/8
    assert marked.details["required_items"] == 9
    assert [(i.task, i.doc_id, i.score) for i in marked.items] == [
        ("small", 0, 1.0),
        ("large", 0, 1.0),
        ("large", 1, 0.0),
        ("large", 2, 0.0),
        ("large", 3, 0.0),
    ]


def test_items_say_what_was_asked_and_answered(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"small": 1, "large": 2})
    exam = BenchmarkExam(benchmark, mirror, None)
    answers = [[-float(n), n % 2 == 0] for n in range(len(exam.requests(Path())))]
    items = exam.mark(answers).items
    assert [i.prompt for i in items] == ["Is 0 in small?", "Is 0 in large?", "Is 1 in large?"]
    assert [i.response for i in items] == [answers[0:2], answers[2:4], answers[4:6]]
    assert {i.target for i in items} == {"0"}
    assert [i.metrics for i in items] == [{"acc": 1.0}] * 3


def test_items_that_share_a_field_are_one_cluster(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 3})
    assert mirror.root is not None
    rows = {"question": ["one?", "two?", "three?"], "answer": [0, 0, 0], "text": ["x", "y", "x"]}
    write_rows(mirror.root / "a" / "test.parquet", rows)

    def clusters(field: str | None) -> list[str]:
        exam = BenchmarkExam(attrs.evolve(benchmark, cluster=field), mirror, None)
        exam.requests(Path())
        return [item.cluster for item in exam.mark([*RIGHT, *RIGHT, *RIGHT]).items]

    first, second, third = clusters("text")
    assert first == third != second
    assert {len(first), len(second)} == {16}
    assert clusters(None) == [""] * 3


def test_an_item_without_a_value_stands_alone(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    assert mirror.root is not None
    rows = {"question": ["one?", "two?"], "answer": [0, 0], "text": [None, "x"]}
    write_rows(mirror.root / "a" / "test.parquet", rows)
    exam = BenchmarkExam(attrs.evolve(benchmark, cluster="text"), mirror, None)
    exam.requests(Path())
    none, some = exam.mark([*RIGHT, *RIGHT]).items
    assert (none.cluster, len(some.cluster)) == ("", 16)


def test_a_cluster_that_documents_do_not_have(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    exam = BenchmarkExam(attrs.evolve(benchmark, cluster="passage"), mirror, None)
    with pytest.raises(DataError, match=r"'passage', which .* 'a' do not have"):
        exam.requests(Path())


def test_a_tasks_own_aggregation_is_used(make_benchmark: Make) -> None:
    """The score of a task is what lm-eval's function makes of its items, here the median."""
    benchmark, mirror = make_benchmark(
        {"a": 5}, metric_list=[{"metric": "acc", "aggregation": "median", "higher_is_better": True}]
    )
    exam = BenchmarkExam(benchmark, mirror, None)
    exam.requests(Path())
    assert exam.mark([*RIGHT, *WRONG, *RIGHT, *WRONG, *RIGHT]).score == 1.0


def test_a_missing_answer_is_no_score(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    exam = BenchmarkExam(benchmark, mirror, None)
    exam.requests(Path())
    with pytest.raises(ValueError, match="zip"):
        exam.mark([*RIGHT, RIGHT[0]])


def test_documents_are_counted_whatever_the_limit(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2, "b": 3})
    assert BenchmarkExam(benchmark, mirror, 2).documents() == 5


def test_a_limit_that_leaves_tasks_out(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 3, "b": 3, "c": 3})
    exam = BenchmarkExam(benchmark, mirror, 2)
    exam.requests(Path())
    marked = exam.mark([*RIGHT, *WRONG])
    assert ([i.task for i in marked.items], marked.score) == (["b", "c"], 0.5)


# --- the trained task


class Spelling:
    """Five words to spell; a completion is right if it is the word."""

    name = "spelling"
    title = "Spelling"
    summary = "Spell a word"
    max_new_tokens = 8
    instruction = "Spell"
    words: tuple[str, ...] = ("one", "two", "three", "four", "five")

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        return [
            Example(id=f"{split}-{word}", question=word, solution=word, answer=word)
            for word in self.words
        ]

    def prompt(self, example: Example) -> list[Message]:
        return [{"role": "user", "content": f"{self.instruction} {example.question}."}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        return Verdict(
            correct=completion.text == example.answer,
            extracted=completion.text,
            reason=f"compared with {example.answer}",
            truncated=not completion.finished,
        )


def changed(**changes: Any) -> Spelling:
    dataset = Spelling()
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def test_task_accuracy_truncation_and_length() -> None:
    exam = TaskExam(Spelling(), Mirror(), 4)
    marked = exam.mark(
        [
            {"text": "one", "finished": True, "tokens": 2},
            {"text": "tw", "finished": False, "tokens": 8},
            {"text": "three", "finished": False, "tokens": 8},
            {"text": "for", "finished": False, "tokens": 8},
        ]
    )
    assert marked.score == 0.5
    assert marked.details == {"truncation_rate": 0.75, "response_tokens": 6.5}
    assert [item.score for item in marked.items] == [1.0, 0.0, 1.0, 0.0]
    third = marked.items[2]
    assert third.metrics == {"accuracy": 1.0, "truncated": 1.0, "tokens": 8.0}
    assert (third.task, third.doc_id) == ("task:spelling", 2)
    assert (third.prompt, third.target) == ("three", "three")
    assert third.response == ["three", "compared with three"]
    assert len({item.doc_hash for item in marked.items}) == 4


def test_a_task_is_asked_in_the_models_own_chat_format(tiny_model: Path) -> None:
    requests = TaskExam(Spelling(), Mirror(), 2).requests(tiny_model)
    sampling = Sampling(max_new_tokens=8)
    assert requests == [
        Complete(f"<|im_start|>user\nSpell {word}.<|im_end|>\n<|im_start|>assistant\n", sampling)
        for word in ("one", "two")
    ]
    assert sampling.temperature == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"max_new_tokens": 9},
        {"instruction": "Write"},
        {"words": ("one", "two", "three", "four", "six")},
        {"words": ("two", "one", "three", "four", "five")},
    ],
)
def test_a_tasks_key_counts_what_is_asked(change: dict[str, Any]) -> None:
    before = TaskExam(Spelling(), Mirror(), None).key()
    assert before.startswith("task-spelling-")
    assert TaskExam(changed(**change), Mirror(), None).key() != before
    assert TaskExam(Spelling(), Mirror(), None).key() == before


@pytest.mark.slow
def test_a_tasks_key_counts_the_limit() -> None:
    keys = {limit: TaskExam(Spelling(), Mirror(), limit).key() for limit in (None, 4, 3, 99)}
    assert len({keys[None], keys[4], keys[3]}) == 3
    assert keys[99] == keys[None]  # a limit beyond the last item leaves none out


def test_worked_solutions_of_a_shipped_dataset_are_right() -> None:
    dataset = Arithmetic()
    exam = TaskExam(dataset, Mirror(), 20)
    solutions = [example.solution for example in dataset.load("test", Mirror())[:20]]
    marked = exam.mark([{"text": text, "finished": True, "tokens": 9} for text in solutions])
    assert (marked.score, len(marked.items)) == (1.0, 20)


def test_a_dataset_of_the_mirror(data_root: Path, tmp_path: Path) -> None:
    exam = TaskExam(Gsm8k(), Mirror(root=data_root), 3)
    exam.check()
    assert exam.name == "task:gsm8k"
    with pytest.raises(DataError, match="gsm8k"):
        TaskExam(Gsm8k(), Mirror(root=tmp_path), 3).check()
