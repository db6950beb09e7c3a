"""Examples and completions for people: what is in the loss stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from forget.inventory.samples import Graded, Lengths, Sample

__all__ = [
    "completions_as_plain",
    "render_completions",
    "render_samples",
    "samples_as_plain",
]


def render_samples(samples: Sequence[Sample], lengths: Lengths, *, colour: bool) -> RenderableType:
    """Return the texts of examples, and how long all of them are.

    Args:
        samples: The examples.
        lengths: The lengths of all examples, those not shown included.
        colour: Tell by colour what is in the loss; else by headings.
    """
    parts: list[RenderableType] = []
    for sample in samples:
        parts += [_heading(sample), *(_coloured(sample) if colour else _sections(sample)), Text()]
    return Group(*parts, Text(_lengths(lengths), style="dim"))


def render_completions(graded: Sequence[Graded]) -> RenderableType:
    """Return completions with their verdicts."""
    parts: list[RenderableType] = []
    for line in graded:
        verdict = line.verdict
        word = Text("correct", style="green") if verdict.correct else Text("wrong", style="red")
        end = "" if line.completion.finished else ", cut at the length limit"
        level = f" · {line.level}" if line.level else ""
        heading = f"{line.example}{level} · sample {line.sample} · {line.completion.tokens} tokens"
        parts.append(Text.assemble((f"{heading}{end} · ", "bold"), word, f": {verdict.reason}"))
        parts += [Text(line.completion.text), Text()]
    return Group(*parts[:-1])


def samples_as_plain(samples: Sequence[Sample], lengths: Lengths) -> dict[str, Any]:
    """Return the examples and lengths of the documented JSON."""
    return {
        "examples": [
            {
                "id": sample.id,
                "level": sample.level,
                "length": len(sample.input_ids),
                "in_loss": sum(sample.completion_mask),
                "text": "".join(text for _, text in sample.spans),
                "loss_text": "".join(text for inside, text in sample.spans if inside),
                "input_ids": sample.input_ids,
                "completion_mask": sample.completion_mask,
                "tokens": sample.tokens,
            }
            for sample in samples
        ],
        "lengths": lengths._asdict(),
    }


def completions_as_plain(graded: Sequence[Graded]) -> list[dict[str, Any]]:
    """Return the completions of the documented JSON."""
    return [
        {
            "example": line.example,
            "level": line.level,
            "sample": line.sample,
            "text": line.completion.text,
            "finished": line.completion.finished,
            "tokens": line.completion.tokens,
            "correct": line.verdict.correct,
            "extracted": line.verdict.extracted,
            "reason": line.verdict.reason,
            "truncated": line.verdict.truncated,
        }
        for line in graded
    ]


def _heading(sample: Sample) -> Text:
    inside = sum(sample.completion_mask)
    level = f" · {sample.level}" if sample.level else ""
    length = f"{len(sample.input_ids):,} tokens, {inside:,} in the loss"
    return Text(f"{sample.id}{level} · {length}", style="bold")


def _coloured(sample: Sample) -> Iterator[Text]:
    text = Text()
    for inside, piece in sample.spans:
        text.append(piece, style="bold green" if inside else "dim")
    yield text


def _sections(sample: Sample) -> Iterator[Text]:
    for inside, piece in sample.spans:
        yield Text("--- in the loss:" if inside else "--- not in the loss:")
        yield Text(piece)


def _lengths(lengths: Lengths) -> str:
    whose = f"{lengths.rows:,} examples"
    if lengths.measured < lengths.rows:
        whose = f"the first {lengths.measured:,} of {whose}"
    return (
        f"{whose}: {lengths.mean:,.0f} tokens on average, shortest {lengths.shortest:,} "
        f"({lengths.shortest_id}), longest {lengths.longest:,} ({lengths.longest_id})"
    )
