"""Findings as the documented JSON of `forget report --json` and `forget eval --json`."""

from __future__ import annotations

from typing import Any

import attrs

from forget.metrics import Average
from forget.verdict.findings import CheckpointFindings, Finding, Findings
from forget.verdict.judging import Judgement

__all__ = ["checkpoint_as_plain", "completeness", "findings_as_plain"]


def findings_as_plain(findings: Findings) -> dict[str, Any]:
    """Return one JSON object: `checkpoints`, each with its benchmarks."""
    record = findings.record
    return {
        "title": record.title,
        "base": {"name": record.base_model, "digest": record.base.digest},
        "fingerprint": record.fingerprint,
        "margin": findings.terms.margin,
        "level": findings.terms.level,
        "checkpoints": [checkpoint_as_plain(checkpoint) for checkpoint in findings.checkpoints],
    }


def completeness(finding: Finding) -> str:
    """Say how many items were scored: ``300 of 1,172`` where the benchmark has more."""
    required = finding.details.get("required_items")
    items = f"{finding.change.items:,}"
    partial = required is not None and finding.change.items < required
    return f"{items} of {required:,}" if partial else items


def checkpoint_as_plain(checkpoint: CheckpointFindings) -> dict[str, Any]:
    """Return what changed at one checkpoint."""
    worst = checkpoint.worst
    return {
        "name": checkpoint.name,
        "step": checkpoint.step,
        "benchmarks": [_finding(finding) for finding in checkpoint.benchmarks],
        "missing": list(checkpoint.missing),
        "average": _average(checkpoint.average, checkpoint.judgement),
        "worst": {"benchmark": worst.benchmark, "delta": worst.change.delta} if worst else None,
        "task_accuracy": _task(checkpoint.task) if checkpoint.task else None,
        "drift": dict(checkpoint.drift) or None,
    }


def _average(average: Average | None, judgement: Judgement | None) -> dict[str, Any] | None:
    if average is None or judgement is None:
        return None
    return {"delta": average.delta, "stderr": average.stderr, **_judgement(judgement)}


def _finding(finding: Finding) -> dict[str, Any]:
    change = finding.change
    return {
        "benchmark": finding.benchmark,
        "metric": finding.metric,
        "score": finding.score,
        "base_score": finding.base_score,
        "delta": change.delta,
        "stderr": change.stderr,
        "items": change.items,
        "required_items": finding.details.get("required_items"),
        "lost": change.lost,
        "gained": change.gained,
        "clusters": change.clusters,
        **_judgement(finding.judgement),
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
        **_judgement(finding.judgement),
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    """Return verdict, reason and numbers; intervals as two numbers each."""
    plain = attrs.asdict(judgement, recurse=False)
    del plain["flips"], plain["looks"]
    for name in ("interval", "bootstrap", "corrected", "band"):
        plain[name] = list(plain[name]) if plain[name] is not None else None
    flips = judgement.flips
    plain["forgetting"] = flips.forgetting if flips else None
    plain["backward_transfer"] = flips.backward_transfer if flips else None
    return plain
