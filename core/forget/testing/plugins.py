"""The contract of plugins as tests: subclass `PluginConformance` and name the module."""

from __future__ import annotations

from types import ModuleType
from typing import get_args

import pluggy
import pytest

from forget import hooks
from forget.compatibility import check_hooks, check_version, written_for
from forget.plugins import Kind, check_record
from forget.testing.claims import heeds_deprecations

__all__ = ["PluginConformance"]


@heeds_deprecations
class PluginConformance:
    """What every plugin must do, whatever it brings.

    Attributes:
        plugin: The module that the entry point names; a subclass names it.
    """

    plugin: ModuleType  # no ClassVar: to mypy, a subclass that names a module declares none

    @pytest.fixture
    @classmethod
    def manager(cls) -> pluggy.PluginManager:
        """One that has this plugin alone; to register it warns of hooks that are to go."""
        manager = pluggy.PluginManager(hooks.ENTRY_POINT_GROUP)
        manager.add_hookspecs(hooks)
        manager.register(cls.plugin)
        return manager

    def test_it_says_what_it_is_written_for(self) -> None:
        declared = written_for(self.plugin.__name__)
        assert declared is not None, (
            f"{self.plugin.__name__} does not say for which version of the plugin API it is "
            f'written: {hooks.API_VERSION_ATTRIBUTE} = "{hooks.API_VERSION}"'
        )
        check_version(declared, self.plugin.__name__)

    def test_its_hooks_are_hooks_of_forget(self, manager: pluggy.PluginManager) -> None:
        check_hooks(manager, self.plugin)
        callers = manager.get_hookcallers(self.plugin)
        assert callers, (
            f"{self.plugin.__name__} implements no hook; mark a function with @hookimpl: "
            f"{', '.join(hooks.HOOKS)}"
        )

    @pytest.mark.parametrize("kind", get_args(Kind))
    def test_its_hooks_yield_records(self, manager: pluggy.PluginManager, kind: Kind) -> None:
        for records in getattr(manager.hook, f"forget_{kind}")():
            found = list(records)
            for record in found:
                check_record(record, kind)
            names = [record.name for record in found]
            assert len(set(names)) == len(names), f"two {kind} have one name: {', '.join(names)}"
