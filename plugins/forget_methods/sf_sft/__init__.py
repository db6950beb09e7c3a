"""SF-SFT: supervised fine-tuning on verified solutions of a teacher of the student's own family."""

from __future__ import annotations

from collections.abc import Iterable

from forget.hooks import hookimpl
from forget.method import Method, Needs
from forget.training import TaughtSft

__all__ = ["SfSft", "forget_methods"]


class SfSft(TaughtSft):
    """Rejection-sampled distillation within a family: differs from GT-SFT in its data alone."""

    name = "sf-sft"
    title = "SF-SFT"
    summary = "Supervised fine-tuning on verified solutions of a teacher of the same family"
    needs = Needs(teacher="same-family", verifier=True)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield SF-SFT."""
    yield SfSft()
