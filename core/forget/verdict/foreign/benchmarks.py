"""Tasks of lm-eval's put together as benchmarks: registered ones, groups, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

import attrs

from forget.benchmark import Benchmark
from forget.errors import DataError
from forget.evaluation.items import Item
from forget.verdict.answered import Answered, Side
from forget.verdict.foreign.files import AGAIN, find_tasks
from forget.verdict.foreign.rows import ForeignTask, UnfitError, read_task, reported_score
from forget.verdict.foreign.settings import foreign_settings, model_name

__all__ = ["foreign_side"]

_ROUNDING = 1e-6


def foreign_side(path: Path, name: str, benchmarks: Sequence[Benchmark]) -> Side:
    """Read what lm-eval has evaluated.

    Args:
        path: A folder, a results file or a file of samples.
        name: What the user calls it.
        benchmarks: The registered benchmarks, whose names and metrics their tasks get.

    Raises:
        DataError: Nothing of it can be compared, or a file is damaged.
    """
    found = find_tasks(path)
    if not any(files.samples for files in found.values()):
        raise DataError(f"{path} has lm-eval's results, but no samples of items. {AGAIN}")
    reader = _Reader()
    for task, files in found.items():
        try:
            reader.tasks[task] = read_task(files)
        except UnfitError as error:
            reader.left_out[task] = str(error)
    reader.take_registered(benchmarks)
    reader.take_groups()
    for task in list(reader.tasks):
        reader.take(task, [task], None)
    if not reader.answered:
        reasons = "; ".join(f"{task}: {reason}" for task, reason in reader.left_out.items())
        raise DataError(f"{path} has nothing that can be compared: {reasons}.")
    newest = list(found.values())[-1].results
    return Side(
        name=name,
        model=model_name(newest),
        answered=dict(sorted(reader.answered.items())),
        left_out=reader.left_out,
    )


@attrs.define
class _Reader:
    """Takes tasks from those that were read and makes benchmarks of them.

    Attributes:
        tasks: What is not taken yet.
        answered: The benchmarks that were made.
        left_out: Benchmark or task to the reason why it cannot be compared.
    """

    tasks: dict[str, ForeignTask] = attrs.field(factory=dict)
    answered: dict[str, Answered] = attrs.field(factory=dict)
    left_out: dict[str, str] = attrs.field(factory=dict)

    def take_registered(self, benchmarks: Sequence[Benchmark]) -> None:
        """Take the tasks of every benchmark that is whole."""
        for benchmark in benchmarks:
            names = [task.name for task in benchmark.tasks]
            if all(name in self.tasks for name in names):
                self.take(benchmark.name, names, benchmark)

    def take_groups(self) -> None:
        """Take the tasks of groups whose score is the mean over all of their items, largest first.

        Other groups average their tasks' scores: then each task is a benchmark of its own.
        """
        results = {task.files.source: task.files.results for task in self.tasks.values()}
        for content in results.values():
            subtasks = content.get("group_subtasks") or {}
            leaves = {name: _leaves(name, subtasks) for name in subtasks if subtasks[name]}
            for name in sorted(leaves, key=lambda group: -len(leaves[group])):
                members = [task for task in leaves[name] if task in self.tasks]
                if len(members) == len(leaves[name]) and self._pools(name, members):
                    self.take(name, members, None)

    def take(self, name: str, tasks: Sequence[str], benchmark: Benchmark | None) -> None:
        """Make one benchmark of tasks, or say why that cannot be."""
        taken = [self.tasks.pop(task) for task in tasks]
        try:
            metric = benchmark.metric if benchmark else taken[0].metric()
            cluster = benchmark.cluster if benchmark else None
            items = [item for task in taken for item in task.items(metric, cluster)]
        except UnfitError as error:
            self.left_out[name] = str(error)
            return
        self.answered[name] = Answered(
            benchmark=name,
            title=benchmark.title if benchmark else name,
            metric=metric,
            chance=benchmark.chance if benchmark else None,
            details={"required_items": benchmark.items} if benchmark else {},
            origin="lm-eval",
            settings=_common([foreign_settings(t.files.task, t.files.results) for t in taken]),
            read=partial(_given, items),
        )

    def _pools(self, group: str, members: Sequence[str]) -> bool:
        """Say whether a group's score is the mean over the items of its tasks."""
        tasks = [self.tasks[member] for member in members]
        try:
            metrics = {task.metric() for task in tasks}
            [metric] = metrics
            scores = [item.score for task in tasks for item in task.items(metric)]
        except (UnfitError, ValueError):
            return False
        score = reported_score(tasks[0].files.results, group, metric, tasks[0].filter)
        return score is not None and abs(score - fmean(scores)) <= _ROUNDING


def _given(items: Sequence[Item]) -> Sequence[Item]:
    return items


def _leaves(group: str, subtasks: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks below a group; groups may hold groups."""
    inside = subtasks.get(group)
    if not inside:
        return [group]
    return [leaf for child in inside for leaf in _leaves(child, subtasks)]


def _common(settings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings of several tasks; where they differ, all values in their order."""
    keys = dict.fromkeys(key for found in settings for key in found)
    values = {key: dict.fromkeys(found.get(key, "not set") for found in settings) for key in keys}
    return {key: " | ".join(found) for key, found in values.items()}
