"""docs/explanation/stability.md: versions, and how something is deprecated."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator
from importlib.metadata import version

import pluggy
import pytest

from docs.documents import blocks, document, tables
from forget.compatibility import ApiVersion
from forget.deprecation import DeprecatedSettingWarning, ForgetDeprecationWarning
from forget.hooks import API_VERSION, hookimpl
from forget.settings import build
from forget.store import manifest

PAGE = document("docs/explanation/stability.md")
[HISTORY] = [table for table in tables(PAGE) if table[0][0] == "API version"]


@pytest.fixture
def shown() -> Iterator[types.ModuleType]:
    """The code of the page as a module."""
    [block] = [block for block in blocks(PAGE) if block.language == "python"]
    module = types.ModuleType("shown_in_stability")
    sys.modules[module.__name__] = module  # where attrs looks annotations up
    exec(block.text, module.__dict__)
    yield module
    del sys.modules[module.__name__]


def test_the_history_ends_with_the_version_that_is_there() -> None:
    versions = [ApiVersion.parse(row[0]) for row in HISTORY[1:]]
    assert versions == sorted(versions)
    assert str(versions[-1]) == API_VERSION
    assert version("forget-llm").split(".")[:2] >= HISTORY[-1][1].split(".")[:2]


def test_the_format_of_manifests_is_the_one_that_is_promised() -> None:
    assert f"It is {manifest._FORMAT}." in PAGE


def test_what_the_page_deprecates_warns(shown: types.ModuleType) -> None:
    manager = pluggy.PluginManager("forget")
    manager.add_hookspecs(shown)
    plugin = types.SimpleNamespace(forget_corpora=hookimpl(lambda: []))
    with pytest.warns(ForgetDeprecationWarning, match="The hook forget_corpora is deprecated"):
        manager.register(plugin)
    with pytest.warns(ForgetDeprecationWarning, match="read_corpus is deprecated since"):
        assert shown.read_corpus() == []
    with pytest.warns(ForgetDeprecationWarning, match="'lr' of Settings"):
        assert shown.Settings(lr=1.0).learning_rate == 1.0
    with pytest.warns(DeprecatedSettingWarning, match="The setting 'lr' of method x"):
        assert build(shown.Settings, {"lr": "2"}, where="method x").learning_rate == 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shown.Settings(learning_rate=1.0)
