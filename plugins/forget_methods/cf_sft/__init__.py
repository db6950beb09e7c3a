"""CF-SFT: supervised fine-tuning on verified solutions of a teacher of another family."""

from __future__ import annotations

from collections.abc import Iterable

from forget.hooks import hookimpl
from forget.method import Method, Needs
from forget.training import TaughtSft

__all__ = ["CfSft", "forget_methods"]


class CfSft(TaughtSft):
    """Rejection-sampled distillation across families: differs from GT-SFT in its data alone."""

    name = "cf-sft"
    title = "CF-SFT"
    summary = "Supervised fine-tuning on verified solutions of a teacher of another family"
    needs = Needs(teacher="cross-family", verifier=True)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield CF-SFT."""
    yield CfSft()
