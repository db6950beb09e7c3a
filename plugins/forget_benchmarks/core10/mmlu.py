"""MMLU: 57 subjects, each a task of its own, averaged weighted by size (a micro-average)."""

from __future__ import annotations

from forget.benchmark import Benchmark, TaskFile

__all__ = ["MMLU", "SUBJECTS"]

SUBJECTS = (
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "business_ethics",
    "clinical_knowledge",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_medicine",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "econometrics",
    "electrical_engineering",
    "elementary_mathematics",
    "formal_logic",
    "global_facts",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_european_history",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_mathematics",
    "high_school_microeconomics",
    "high_school_physics",
    "high_school_psychology",
    "high_school_statistics",
    "high_school_us_history",
    "high_school_world_history",
    "human_aging",
    "human_sexuality",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "machine_learning",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "moral_disputes",
    "moral_scenarios",
    "nutrition",
    "philosophy",
    "prehistory",
    "professional_accounting",
    "professional_law",
    "professional_medicine",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
    "virology",
    "world_religions",
)


def _task(subject: str) -> TaskFile:
    """Describe one subject; lm-eval looks for its `dev` split even when it shows no example."""
    folder = f"mmlu/subjects/{subject}"
    return TaskFile(
        name=f"mmlu_{subject}",
        path=f"mmlu/default/mmlu_{subject}.yaml",
        mirror={"test": f"{folder}/test.parquet", "dev": f"{folder}/dev.parquet"},
    )


MMLU = Benchmark(
    name="mmlu",
    title="MMLU",
    summary="Broad knowledge in 57 subjects",
    tasks=tuple(_task(subject) for subject in SUBJECTS),
    metric="acc",
    chance=0.25,
    items=14042,
)
