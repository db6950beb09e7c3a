"""Findings as the documented JSON of `forget report --json` and `forget eval --json`."""

from __future__ import annotations

from typing import Any

from forget.report.findings import CheckpointFindings, Finding, Findings

__all__ = ["findings_as_plain"]


def findings_as_plain(findings: Findings) -> dict[str, Any]:
    """Return one JSON object: `checkpoints`, each with its benchmarks."""
    record = findings.record
    return {
        "title": record.title,
        "base": {"name": record.base_model, "digest": record.base.digest},
        "fingerprint": record.fingerprint,
        "checkpoints": [_checkpoint(checkpoint) for checkpoint in findings.checkpoints],
    }


def _checkpoint(checkpoint: CheckpointFindings) -> dict[str, Any]:
    average, worst = checkpoint.average, checkpoint.worst
    return {
        "name": checkpoint.name,
        "step": checkpoint.step,
        "benchmarks": [_finding(finding) for finding in checkpoint.benchmarks],
        "missing": list(checkpoint.missing),
        "average": average._asdict() if average else None,
        "worst": {"benchmark": worst.benchmark, "delta": worst.change.delta} if worst else None,
        "task_accuracy": _task(checkpoint.task) if checkpoint.task else None,
        "drift": dict(checkpoint.drift) or None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "benchmark": finding.benchmark,
        "metric": finding.metric,
        "score": finding.score,
        "base_score": finding.base_score,
        "delta": finding.change.delta,
        "stderr": finding.change.stderr,
        "items": finding.change.items,
        "required_items": finding.details.get("required_items"),
    }


def _task(finding: Finding) -> dict[str, Any]:
    return {
        "task": finding.benchmark.removeprefix("task:"),
        "score": finding.score,
        "base_score": finding.base_score,
        "delta": finding.change.delta,
        "stderr": finding.change.stderr,
        "items": finding.change.items,
        "truncation_rate": finding.details.get("truncation_rate"),
        "base_truncation_rate": finding.base_details.get("truncation_rate"),
    }
