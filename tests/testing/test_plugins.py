"""`PluginConformance` finds what is wrong with a plugin."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pluggy
import pytest

from fake_distributions import method
from forget import hooks
from forget.deprecation import Deprecation, ForgetDeprecationWarning
from forget.errors import PluginError
from forget.plugins import Kind, load_plugins
from forget.testing import PluginConformance

pytest_plugins = ("pytester",)


def made(code: str, declared: str | None = "1.0") -> type[PluginConformance]:
    """Return the tests of a plugin of this code."""
    module = types.ModuleType("forget_made")
    if declared is not None:
        module.FORGET_API_VERSION = declared  # type: ignore[attr-defined]
    exec(code, module.__dict__)
    sys.modules["forget_made"] = module
    return type("Tests", (PluginConformance,), {"plugin": module})


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    yield
    sys.modules.pop("forget_made", None)


def manager_of(tests: type[PluginConformance]) -> pluggy.PluginManager:
    make: Callable[..., Any] = PluginConformance.manager.__wrapped__.__func__  # type: ignore[attr-defined]
    return make(tests)


class TestOurs(PluginConformance):
    """A plugin of ours."""

    plugin = importlib.import_module("forget_methods.gt_sft")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (None, 'say for which version .* is written: FORGET_API_VERSION = "1.0"'),
        ("99.0", "written for version 99.0 of the plugin API"),
        (1.0, "must be a text"),
    ],
)
def test_a_version_that_is_none(declared: Any, reason: str) -> None:
    with pytest.raises((AssertionError, PluginError), match=reason):
        made(method("made"), declared)().test_it_says_what_it_is_written_for()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "implements no hook; mark a function with @hookimpl: forget_methods, "),
        (method("made").replace("@hookimpl\n", ""), "implements no hook"),
        (method("made").replace("def forget_methods", "def forget_mthods"), "'forget_mthods'"),
    ],
)
def test_hooks_that_are_none(code: str, reason: str) -> None:
    tests = made(code)
    with pytest.raises((AssertionError, PluginError), match=reason):
        tests().test_its_hooks_are_hooks_of_forget(manager_of(tests))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (method("made", without="paper"), "is no Method: it lacks paper"),
        (method("made") + "    yield Made()\n", "two methods have one name: made, made"),
    ],
)
def test_records_that_are_none(code: str, reason: str) -> None:
    tests = made(code)
    with pytest.raises((AssertionError, PluginError), match=reason):
        tests().test_its_hooks_yield_records(manager_of(tests), "methods")


def test_all_kinds_are_tried() -> None:
    assert {f"forget_{kind}" for kind in get_args(Kind)} == set(hooks.HOOKS)
    assert load_plugins().loaded


@pytest.mark.slow
def test_what_is_to_go_fails_the_kit(
    monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester
) -> None:
    """Authors see it, even those whose own settings of pytest hide warnings."""
    going = Deprecation(since="0.3", removed_in="0.5", instead="Write another")
    spec = pluggy.HookspecMarker("forget")(warn_on_impl=going.warning("The hook forget_methods"))
    monkeypatch.setattr(hooks, "forget_methods", spec(lambda: None))
    hooks.forget_methods.__name__ = "forget_methods"
    file = pytester.makepyfile(
        "import forget_methods.gt_sft\nfrom forget.testing import PluginConformance\n"
        "class TestIt(PluginConformance):\n    plugin = forget_methods.gt_sft\n"
    )
    arguments = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore")
    outcome = pytester.runpytest_inprocess(*arguments, Path(file))
    assert outcome.parseoutcomes()["errors"] >= 1
    outcome.stdout.fnmatch_lines([f"*{ForgetDeprecationWarning.__name__}: The hook forget_meth*"])
