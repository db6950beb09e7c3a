from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from forget.report.tables import write_tables
from forget.report.tables.latex import as_latex, escape
from forget.report.tables.layout import tables
from report import made_frames

DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs}
\usepackage[margin=0.75in]{geometry}
\begin{document}
%s
\end{document}
"""


def compile_latex(text: str, folder: Path) -> str:
    """Compile a document and return its log."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "paper.tex").write_text(DOCUMENT % text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", errors="replace")
    if "File `booktabs.sty' not found" in log:
        pytest.skip("LaTeX has no booktabs")
    assert done.returncode == 0, log
    return log


@pytest.mark.slow
@pytest.mark.parametrize("made", ["single", "small", "large", "compared"])
def test_tables_compile_and_fit_on_the_page(made: str, tmp_path: Path) -> None:
    written = write_tables(getattr(made_frames, made)(), tmp_path, ("tex",))
    log = compile_latex("\n".join(rf"\input{{{path.name}}}" for path in written.files), tmp_path)
    assert "Overfull" not in log


@pytest.mark.slow
def test_odd_names_compile_and_print_as_they_are(tmp_path: Path) -> None:
    [path] = write_tables(made_frames.awkward(), tmp_path, ("tex",)).files
    compile_latex(path.read_text("utf-8"), tmp_path)
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    command = ["pdftotext", "-layout", "paper.pdf", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "{x}$a$" in done.stdout  # an underscore is a line in the fonts of OT1
    assert "my data & 50%" in done.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("{$x^2~#}", r"\{\$x\textasciicircum{}2\textasciitilde{}\#\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("a--b---c", r"a-{}-b-{}--c"),
        ("a\n\\input{x}", r"a \textbackslash{}input\{x\}"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("[best]", "{[}best]"),
        ("GSM8K", "GSM8K"),
    ],
)
def test_names_are_escaped(name: str, text: str) -> None:
    assert escape(name) == text


def test_verdicts_are_shown_by_typography() -> None:
    material = made_frames.small()
    text = as_latex(material, next(tables(material)))
    assert r"\textbf{$-$" in text
    assert r"\rlap{\textsuperscript{$\downarrow$*}}" in text
    assert r"\textit{+" in text
    assert r"$\dagger$: no forgetting beyond the margin of 1.0 points" in text
    assert "--: not evaluated" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert text.index("MMLU &") < text.index(r"\midrule average &") < text.index("task (gsm8k) &")


def test_the_caption_explains_only_what_is_there() -> None:
    material = made_frames.compared()
    text = as_latex(material, next(tables(material)))
    assert "improved" not in text
    assert "not evaluated" not in text
    assert "not all items" not in text
    assert r"\begin{table}[t]" in text


def test_more_runs_than_fit_make_another_table() -> None:
    material = made_frames.large()
    found = material.results.assign(dataset="one", variant=material.results["run"])
    [table] = tables(made_frames.material(found))
    text = as_latex(material, table)
    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 3
    assert r"\label{tab:forgetting-one-3}" in text
    assert text.count("Continued.") == 2


def test_a_command_cannot_leave_its_comment() -> None:
    material = made_frames.material(made_frames.single().results, command="a \\\n  b")
    text = as_latex(material, next(tables(material)))
    assert text.startswith("% a \\ b\n")


def test_an_error_that_is_not_known_is_left_out() -> None:
    material = made_frames.awkward()
    text = as_latex(material, next(tables(material)))
    [line] = [line for line in text.splitlines() if line.startswith("MMLU")]
    assert line.count(r"\pm") == 3
