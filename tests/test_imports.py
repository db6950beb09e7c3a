"""Every module can be imported, also in an environment without torch and other large libraries."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import forget
import forget_benchmarks
import forget_datasets
import forget_methods
import forget_teachers

PACKAGES = (forget, forget_benchmarks, forget_datasets, forget_methods, forget_teachers)
MODULES = [
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


def test_there_are_modules() -> None:
    assert len(MODULES) > 300
    assert "forget.doctor.quota" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_imported(name: str) -> None:
    assert importlib.import_module(name).__doc__
