"""Distributions made for a test: a module and the `.dist-info` that `pip install` would leave."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

__all__ = ["RENAMED_SETTING", "Site", "method"]

RENAMED_SETTING = """
import attrs
from forget.deprecation import Deprecation, deprecated_field
from forget.method import TrainingSettings
from forget.settings import setting

@deprecated_field(
    "sharpness", Deprecation(since="0.3", removed_in="0.5", instead="Write beta"), now="beta"
)
@attrs.frozen(kw_only=True)
class Settings(TrainingSettings):
    beta: float = setting(1.0, "how sharp it is", minimum=0)

"""
"""Code of a class ``Settings`` that has a setting under another name now."""


def pending_method(folder: Path, study: str = "demo") -> Path:
    """Write a registry with a method that no plugin brings, and a study ``mine`` that has it."""
    registry = folder / "extra.toml"
    registry.write_text(
        "[methods.made]\ntitle = 'Made'\nsummary = 's'\ninstall = 'pip install forget-made'\n"
        f"[studies.mine]\nextends = '{study}'\nmethods = ['gt-sft', 'grpo', 'made']\n"
    )
    return registry


class Site:
    """A folder on `sys.path` that distributions are put into."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delenv("FORGET_PLUGINS", raising=False)

    def install(
        self,
        distribution: str,
        code: str,
        *,
        plugin: str | None = None,
        module: str | None = None,
        version: str = "1.0",
    ) -> None:
        """Install a plugin of `code`; plugin and module take the distribution's name by default."""
        module = module or distribution.replace("-", "_")
        self.metadata(distribution, {plugin or distribution: module}, version)
        (self.folder / f"{module}.py").write_text(code, encoding="utf-8")
        # Another test may have had a module of this name, and this one must not outlive its test.
        self._monkeypatch.setitem(sys.modules, module, sys)  # so that it is taken away in the end
        del sys.modules[module]
        self._monkeypatch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()

    def metadata(self, distribution: str, points: Mapping[str, str], version: str = "1.0") -> None:
        """Write the two files that make a distribution, entry points and all."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[forget]", *lines, ""]))
        importlib.invalidate_caches()


def method(name: str, without: str = "", **fields: str) -> str:
    """Write the code of a plugin that brings one method; leave the attribute `without` out."""
    values = {
        "name": repr(name),
        "title": repr(name.title()),
        "summary": "'made for a test'",
        "paper": "''",
        "settings": "TrainingSettings",
        "needs": "Needs()",
        "prepare": "lambda self, task: None",
        "train": "lambda self, task: None",
        **fields,
    }
    values.pop(without, None)
    body = "\n".join(f"    {key} = {value}" for key, value in values.items())
    return (
        "from forget.hooks import hookimpl\n"
        "from forget.method import Needs, TrainingSettings\n\n"
        f"class Made:\n{body}\n\n"
        "@hookimpl\n"
        "def forget_methods():\n"
        "    yield Made()\n"
    )
