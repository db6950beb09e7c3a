"""Every installed method against the contract; a new one is picked up by being installed."""

from __future__ import annotations

import pytest

from forget.method import Method
from forget.plugins import load_plugins
from forget.testing import MethodConformance

INSTALLED = {name: found.record for name, found in load_plugins().all("methods").items()}


# The baseline is tried in the fast tier too, for the loop that it shares with others.
TRIED = [
    pytest.param(name, marks=() if name == "gt-sft" else pytest.mark.slow)
    for name in sorted(INSTALLED)
]


@pytest.mark.slow
class TestInstalledMethods(MethodConformance):
    @pytest.fixture(scope="class", params=TRIED)
    @classmethod
    def subject(cls, request: pytest.FixtureRequest) -> Method:
        method: Method = INSTALLED[request.param]
        return method
