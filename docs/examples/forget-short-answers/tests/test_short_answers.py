"""The method keeps what forget expects of every method."""

from forget_short_answers import ShortAnswers

from forget.testing import MethodConformance


class TestShortAnswers(MethodConformance):
    """Everything is tried by the class above; there is nothing to add."""

    method = ShortAnswers()
