"""lm-eval's own tasks pointed at a data mirror by hand, without any of the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["BY_HAND", "SUBJECTS", "write_tasks"]

SUBJECTS = ("anatomy", "astronomy", "virology")

# What lm-eval's documentation says of local data, by hand: the task's YAML, which of its splits is
# scored, and the file of the mirror that holds it.
BY_HAND = {
    "arc_challenge": ("arc/arc_challenge.yaml", "test", "arc_challenge/test.parquet"),
    "arc_easy": ("arc/arc_easy.yaml", "test", "arc_easy/test.parquet"),
    "hellaswag": ("hellaswag/hellaswag.yaml", "validation", "hellaswag/validation.parquet"),
    "winogrande": ("winogrande/default.yaml", "validation", "winogrande/validation.parquet"),
    "piqa": ("piqa/piqa.yaml", "validation", "piqa/validation.parquet"),
    "boolq": ("super_glue/boolq/default.yaml", "validation", "boolq/validation.parquet"),
    "openbookqa": ("openbookqa/openbookqa.yaml", "test", "openbookqa/test.parquet"),
    "truthfulqa_mc2": (
        "truthfulqa/truthfulqa_mc2.yaml",
        "validation",
        "truthfulqa_mc/validation.parquet",
    ),
    "ifeval": ("ifeval/ifeval.yaml", "test", "ifeval/train.parquet"),
    **{
        f"mmlu_{subject}": (
            f"mmlu/default/mmlu_{subject}.yaml",
            "test",
            f"mmlu/subjects/{subject}/test.parquet",
        )
        for subject in SUBJECTS
    },
}


def write_tasks(folder: Path, data: Path) -> None:
    """Write lm-eval's tasks as one points them at local files: YAML that includes theirs."""
    import lm_eval

    tasks = Path(lm_eval.__file__).parent / "tasks"
    for name, (path, scored, file) in BY_HAND.items():
        files = {Path(file).stem: data / file}
        unset = {"training", "validation", "test"} - {scored}
        if name.startswith("mmlu"):
            files["dev"] = data / file.replace("test.parquet", "dev.parquet")
        lines = [
            f"include: {tasks / path}",
            f"task: {name}",
            "dataset_path: parquet",
            "dataset_name: null",
            f"dataset_kwargs: {{data_files: {{{_inline(files)}}}}}",
            *(f"{split}_split: null" for split in sorted(unset)),
        ]
        (folder / f"{name}.yaml").write_text("\n".join(lines))
    group = (tasks / "mmlu" / "default" / "_mmlu.yaml").read_text()
    listed = "".join(f"  - mmlu_{subject}\n" for subject in SUBJECTS)
    head, rest = group.split("task:\n")
    kept = rest[rest.index("aggregate_metric_list") :]
    (folder / "_mmlu.yaml").write_text(f"{head}task:\n{listed}{kept}")


def _inline(files: Mapping[str, Path]) -> str:
    return ", ".join(f"{split}: {path}" for split, path in files.items())
