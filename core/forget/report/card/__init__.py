"""A model card for the Hub: what a checkpoint is, what it learned, and what it forgot.

`subject` gathers what is known of the checkpoint, `text` says it, and `writing` puts it under the
metadata that the Hub reads.
"""

from forget.report.card.subject import Subject, card_subject
from forget.report.card.writing import check_card, write_card

__all__ = ["Subject", "card_subject", "check_card", "write_card"]
