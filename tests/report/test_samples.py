"""What is in the loss stands out, by colour or by headings."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from forget.completion import Completion
from forget.dataset import Verdict
from forget.inventory.samples import Graded, Lengths, Sample
from forget.report.samples import render_completions, render_samples, samples_as_plain

SAMPLE = Sample(
    id="train-1",
    level="Level 3",
    input_ids=[1, 2, 3, 4],
    completion_mask=[0, 0, 1, 1],
    tokens=["What", "[/b]?", " 4", "<end>"],
    spans=[(False, "What[/b]?"), (True, " 4<end>")],
)
LENGTHS = Lengths(20_000, 10_000, 3, "train-7", 1234, "train-9", 80.4)


def shown(*, colour: bool) -> str:
    console = Console(file=StringIO(), force_terminal=True, color_system="standard", width=70)
    console.print(render_samples([SAMPLE], LENGTHS, colour=colour), soft_wrap=True)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_by_colour() -> None:
    text = shown(colour=True)
    assert "\x1b[2mWhat[/b]?\x1b[0m\x1b[1;32m 4<end>\x1b[0m" in text
    assert "---" not in text


def test_by_headings() -> None:
    text = shown(colour=False)
    assert "--- not in the loss:\nWhat[/b]?\n--- in the loss:\n 4<end>\n" in text
    assert "train-1 · Level 3 · 4 tokens, 2 in the loss" in text


def test_lengths_of_a_part() -> None:
    text = " ".join(shown(colour=False).split())
    assert "the first 10,000 of 20,000 examples: 80 tokens on average, shortest 3 (train-7)" in text
    assert "longest 1,234 (train-9)" in text


def test_as_plain() -> None:
    [example] = samples_as_plain([SAMPLE], LENGTHS)["examples"]
    assert (example["length"], example["in_loss"]) == (4, 2)
    assert (example["text"], example["loss_text"]) == ("What[/b]? 4<end>", " 4<end>")


def test_a_completion_that_was_cut() -> None:
    completion = Completion(text="so [b]4", finished=False, tokens=9)
    verdict = Verdict(correct=False, extracted=None, reason="no answer", truncated=True)
    console = Console(file=StringIO(), width=100)
    console.print(render_completions([Graded("train-1", "Level 3", 2, completion, verdict)]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    heading = "train-1 · Level 3 · sample 2 · 9 tokens, cut at the length limit · wrong: no answer"
    assert text.startswith(f"{heading}\nso [b]4\n")
