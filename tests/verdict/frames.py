"""Frames of results made by hand: the columns that razor and frontier read."""

from __future__ import annotations

from typing import Any

import pandas as pd

NAMES: dict[str, Any] = {
    "study": "demo",
    "model": "tiny",
    "dataset": "sums",
    "seed": 0,
    "stderr": 0.01,
    "low": float("nan"),
    "high": float("nan"),
    "kl_to_base": float("nan"),
    "reverse_kl_to_base": float("nan"),
    "unchanged_weights": float("nan"),
    "relative_change": float("nan"),
}


def row(kind: str, method: str, step: int | None, delta: float, **changes: Any) -> dict[str, Any]:
    """Return one line of the frame: a checkpoint of a method on its task or on average."""
    checkpoint = "merged" if step is None else f"step-{step:06}"
    made = {
        **NAMES,
        "run": f"demo / tiny / sums / {method} / seed 0",
        "path": f"runs/{method}",
        "method": method,
        "variant": method,
        "checkpoint": checkpoint,
        "step": step,
        "last": False,
        "kind": kind,
        "benchmark": {"task": "task:sums"}.get(kind, kind),
        "verdict": "inconclusive",
        "delta": delta,
    }
    return {**made, **changes}


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the lines with the types that the frame of results has."""
    table = pd.DataFrame(rows, columns=list(row("average", "m", 0, 0.0)))
    return table.astype({"seed": "Int64", "step": "Int64", "last": bool, "delta": float})
