"""Methods over their seeds, as they are shown."""

from __future__ import annotations

import json
from io import StringIO

import pandas as pd
from rich.console import Console

from forget.report.pooled import pooled_as_plain, render_pooled
from forget.verdict.pooled import POOLED


def pooled() -> pd.DataFrame:
    same = {"study": "s", "model": "m", "dataset": "gsm8k", "method": "pi", "variant": "pi-lr"}
    same |= {"seeds": 3, "step": 100, "stderr": 0.01, "low": -0.03, "high": -0.01, "seed_sd": 0.004}
    rows = [
        ("boolq", "benchmark", -0.02, 0.003, "forgot"),
        ("piqa", "benchmark", 0.0, 1.0, "kept"),
        ("average", "average", -0.01, 0.2, "kept"),
    ]
    columns = ["benchmark", "kind", "delta", "p_holm", "verdict"]
    frame = pd.DataFrame(rows, columns=columns).assign(**same, p=0.5)
    return frame[list(POOLED)]


def test_the_average_and_what_is_sure() -> None:
    console = Console(file=StringIO(), width=140)
    console.print(render_pooled(pooled()))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines()]
    cells = {row[2]: row[3:] for row in rows if row}
    assert cells["boolq"] == ["3", "-2.0", "[-3.0, -1.0]", "0.4", "0.003", "forgot"]
    assert cells["average"][:2] == ["3", "-1.0"]
    assert "piqa" not in cells
    assert "about the method and not about one run" in " ".join(said.split())


def test_json_has_all_of_it() -> None:
    plain = pooled_as_plain(pooled())
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert [row["benchmark"] for row in plain] == ["boolq", "piqa", "average"]
