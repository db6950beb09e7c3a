from __future__ import annotations

import re

from forget.report.tables.layout import tables
from forget.report.tables.markdown import as_markdown
from report import made_frames


def written(material: made_frames.Material) -> str:
    return as_markdown(material, list(tables(material)))


def test_verdicts_are_shown_by_typography_and_a_sign() -> None:
    lines = written(made_frames.small()).splitlines()
    [mmlu] = [line for line in lines if line.startswith("| MMLU")]
    [hellaswag] = [line for line in lines if line.startswith("| HellaSwag")]
    assert "| 60.0 |" in mmlu
    assert " – " in mmlu, "GRPO was not evaluated on it"
    assert mmlu.endswith(" † |")
    assert re.search(r"\*\*−\d\.\d\*\* ± 0\.6 ↓ \\\* \|", hellaswag)


def test_the_margin_and_the_command_are_named() -> None:
    text = written(made_frames.material(made_frames.single().results, margin=0.02))
    assert "margin of 2.0 points" in text
    assert "```console\n$ forget report --out runs\n```" in text


def test_names_cannot_break_out() -> None:
    found = made_frames.single().results.assign(title="<b>|`x`|*y*\n_z_", variant="a|b")
    text = written(made_frames.material(found, title="# [a](b)", command="x ```\n y"))
    assert r"\<b\>\|\`x\`\|\*y\* \_z\_" in text
    assert r"a\|b" in text
    assert r"# \# \[a\](b)" in text
    assert "````console\n$ x ``` y\n````" in text


def test_every_line_of_a_table_has_as_many_cells() -> None:
    for line in written(made_frames.awkward()).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 2 + 4 + 1
