"""The text of a model card: what it is, what it learned, what it forgot, and how that is known."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from forget.report import markdown
from forget.report.card.subject import Subject
from forget.report.plain import completeness
from forget.variants import shown
from forget.verdict.findings import Finding
from forget.verdict.judging import Judgement
from forget.verdict.words import TITLES, in_points

__all__ = ["card_text"]

_LOAD = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("OWNER/NAME")
model = AutoModelForCausalLM.from_pretrained("OWNER/NAME")
"""
_LOAD_ADAPTER = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("OWNER/NAME")
base = AutoModelForCausalLM.from_pretrained("{base}")
model = PeftModel.from_pretrained(base, "OWNER/NAME")
"""


def card_text(subject: Subject) -> str:
    """Return the card's Markdown, below its metadata."""
    return "\n".join(_sections(subject))


def _sections(subject: Subject) -> Iterator[str]:
    yield f"# {subject.title}\n"
    yield _what_it_is(subject)
    yield "## Use\n"
    base = subject.base_id or "BASE"
    load = _LOAD_ADAPTER.format(base=base) if subject.adapter else _LOAD
    yield f"```python\n{load}```\n"
    yield from _learned(subject)
    yield from _forgotten(subject)
    yield "## How it was measured\n"
    yield _how_measured(subject)
    yield "## Training\n"
    yield _settings(subject)
    yield "## Do it again\n"
    yield f"```bash\npip install forget-llm\n{_command(subject)}\n```\n"


def _what_it_is(subject: Subject) -> str:
    frozen = subject.frozen
    base = f"[{subject.base_id}](https://huggingface.co/{subject.base_id})"
    what = "LoRA adapters for" if subject.adapter else "A fine-tuned version of"
    dataset = subject.dataset.title if subject.dataset else frozen["dataset"]
    return (
        f"{what} {base if subject.base_id else frozen['model']}, trained on {dataset} by "
        f"{_method(subject)}. This is the checkpoint after step {subject.checkpoint.step}, seed "
        f"{frozen['seed']}.\n"
    )


def _method(subject: Subject) -> str:
    method = subject.method
    if method is None:
        return str(subject.frozen["method"])
    paper = f" ({method.paper})" if method.paper else ""
    return f"{method.title}: {method.summary[:1].lower()}{method.summary[1:]}{paper}"


def _learned(subject: Subject) -> Iterator[str]:
    task = subject.checkpoint.task
    if task is None:
        return
    yield "## What it learned\n"
    name = subject.exam_title(task.benchmark)
    said = (
        f"On {task.change.items:,} held-out problems of {name}, answered greedily and graded by "
        f"its verifier: {_score(task.base_score)} before, {_score(task.score)} after "
        f"({in_points(task.change.delta, sign=True)} points, {_interval(task.judgement)})."
    )
    cut = task.details.get("truncation_rate")
    yield said + (
        f" {100 * cut:.1f} % were cut at the length limit.\n" if cut is not None else "\n"
    )


def _forgotten(subject: Subject) -> Iterator[str]:
    checkpoint, terms = subject.checkpoint, subject.findings.terms
    yield "## What it forgot\n"
    yield (
        "Each benchmark it was not trained on, base and fine-tuned model on the same items, in "
        f"points of 100, with the {100 * terms.level:g} % confidence interval of the difference.\n"
    )
    heading = ("benchmark", "metric", "base", "score", "change", "interval", "verdict", "items")
    lines = [_line(subject, finding) for finding in checkpoint.benchmarks]
    average = checkpoint.average_so_far
    if average is not None and checkpoint.judgement is not None:
        few = f" of {len(checkpoint.benchmarks)}" if checkpoint.missing else ""
        lines.append(
            [f"average{few}", "", "", "", *_judged(average.delta, checkpoint.judgement), ""]
        )
    yield markdown.table(heading, lines)
    if checkpoint.missing:
        yield f"Not evaluated: {', '.join(map(subject.exam_title, checkpoint.missing))}.\n"
    yield (
        f"*forgot*, *improved*: p < {terms.alpha:g} after Holm's correction. *no forgetting beyond "
        f"the margin*: a drop of more than {in_points(terms.margin)} points is ruled out. "
        "*inconclusive*: too few items to say.\n"
    )
    kl = checkpoint.drift.get("kl_to_base")
    if kl is not None:
        yield (
            f"Its distance from the base is a KL of {kl:.3g} nats a token on "
            f"{checkpoint.drift['prompts']:,} of the task's prompts.\n"
        )


def _line(subject: Subject, finding: Finding) -> list[str]:
    return [
        subject.exam_title(finding.benchmark),
        finding.metric,
        _score(finding.base_score),
        _score(finding.score),
        *_judged(finding.change.delta, finding.judgement),
        completeness(finding),
    ]


def _judged(delta: float, judgement: Judgement) -> list[str]:
    verdict = TITLES[judgement.verdict]
    said = f"**{verdict}**" if judgement.verdict == "forgot" else verdict
    return [in_points(delta, sign=True), _interval(judgement), said]


def _interval(judgement: Judgement) -> str:
    if judgement.interval is None:
        return "–"
    low, high = judgement.interval
    return f"{in_points(low, sign=True)} to {in_points(high, sign=True)}"


def _score(share: float) -> str:
    return f"{100 * share:.1f}"


def _how_measured(subject: Subject) -> str:
    used = subject.record.fingerprint
    engine = {"stock": "lm-eval's own model", "vllm": "vLLM"}.get(used["engine"], "its own engine")
    where = used.get("device_name") or used["device"]
    return (
        f"With forget {_version(subject, 'forget-llm')} by "
        f"{engine} on {where} in {used['dtype']}: tasks, prompts and metrics of lm-eval "
        f"{used['lm-eval']}, 0-shot, without a chat template. Differences are paired item by item; "
        "tests are exact McNemar, or sign flips where scores are no yes or no, or items cluster.\n"
    )


def _settings(subject: Subject) -> str:
    rows = [[f"`{name}`", shown(value)] for name, value in _trained_with(subject).items()]
    settings = markdown.table(("setting", "value"), rows)
    versions = subject.provenance.get("versions", {})
    said = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    hardware = subject.provenance.get("hardware", {})
    on = hardware.get("gpu") or hardware.get("processor") or "a machine that is not known"
    return f"{settings}\nOn {on}, with {said or 'versions that are not known'}.\n"


def _trained_with(subject: Subject) -> dict[str, Any]:
    """Return the frozen settings, lists as the command line takes them."""
    plain: Mapping[str, Any] = subject.frozen["method_settings"]
    found = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
    teacher = subject.frozen.get("teacher")
    return {**({"teacher": teacher["name"]} if teacher else {}), **found}


def _command(subject: Subject) -> str:
    """Return the command that trains the same, with the settings that are not the usual ones."""
    frozen = subject.frozen
    options = {name: frozen[name] for name in ("study", "model", "dataset", "method", "seed")}
    options["benchmarks"] = ",".join(subject.record.benchmarks)
    options["limit"] = _limit(subject)
    settings = _trained_with(subject)
    options["teacher"] = settings.pop("teacher", None)
    words = ["forget", "run"]
    for name, value in options.items():
        words += [] if value is None else [f"--{name}", str(value)]
    usual = {} if subject.method is None else _defaults(subject.method.settings)
    for name, value in settings.items():
        if name not in usual or usual[name] != value:
            text = ",".join(map(shown, value)) if isinstance(value, tuple) else shown(value)
            words += ["--set", f"{name}={text}"]
    return shlex.join(words)


def _limit(subject: Subject) -> int | None:
    """Return how many items each benchmark was limited to, where all have the same limit."""
    found = {
        finding.change.items
        for finding in subject.checkpoint.benchmarks
        if finding.change.items < finding.details.get("required_items", 0)
    }
    return found.pop() if len(found) == 1 else None


def _defaults(settings: type) -> dict[str, Any]:
    return {field.name: field.default for field in attrs.fields(settings)}


def _version(subject: Subject, package: str) -> str:
    return str(subject.provenance.get("versions", {}).get(package, ""))
