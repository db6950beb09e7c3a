from __future__ import annotations

from pathlib import Path

import pytest

from made_study import Study, make_study


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(whole_study: Study, tmp_path: Path) -> Study:
    return whole_study.copied(tmp_path)
