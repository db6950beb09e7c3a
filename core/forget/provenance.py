"""Where a run comes from: versions, plugins, hardware, the commit of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forget.inference.machine import Machine, package_version
from forget.plan import Run
from forget.plugins import Provider
from forget.session import Session

__all__ = ["provenance"]

_VERSIONS = (
    "forget-llm", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "lm-eval",
)  # fmt: skip


def provenance(run: Run, session: Session) -> dict[str, Any]:
    """Describe who started a run, with what and on what; kept beside its settings."""
    benchmarks = session.plugins.all("benchmarks")
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: package_version(name) for name in _VERSIONS},
        "python": platform.python_version(),
        # A registry's model and one of the Hub are known by their names.
        "model_folder": None if run.model.entry else str(run.model.folder),
        "git": _commit(Path(__file__).parent),
        "hardware": _hardware(session.machine),
        "plugins": {
            "method": _plain(run.method.provider),
            "dataset": _plain(run.dataset.provider),
            "benchmarks": {
                exam.name: _plain(benchmarks[exam.name].provider)
                for exam in run.exams
                if exam.name in benchmarks
            },
        },
    }


def _plain(provider: Provider) -> dict[str, str]:
    return {
        "plugin": provider.plugin,
        "distribution": provider.distribution,
        "version": provider.version,
    }


def _hardware(machine: Machine) -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "device": machine.device,
        "gpu": machine.device_name or None,
    }


def _processor() -> str:
    """Name the processor as Linux does; elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def _commit(folder: Path) -> str | None:
    """Return the commit of a source checkout, ``-dirty`` if it was changed; None without one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
