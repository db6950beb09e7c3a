"""The method keeps what forget expects of every method, the plugin what of every plugin."""

import forget_short_answers
from forget_short_answers import ShortAnswers

from forget.testing import MethodConformance, PluginConformance


class TestShortAnswers(MethodConformance):
    """Everything is tried by the class above; there is nothing to add."""

    method = ShortAnswers()


class TestPlugin(PluginConformance):
    """The module that the entry point names."""

    plugin = forget_short_answers
