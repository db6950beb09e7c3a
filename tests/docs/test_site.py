"""The documents become a site without a warning, and the site needs nothing from a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.documents import DOCS

pytestmark = pytest.mark.slow

_LOADED = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]+)\"|<link[^>]*\shref=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install 'forget-llm[docs]'")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    pages = {path.relative_to(site).with_suffix("") for path in site.glob("*/*.html")}
    documents = {path.relative_to(DOCS).with_suffix("") for path in DOCS.glob("*/*.md")}
    assert documents <= pages
    assert (site / "index.html").is_file()


def test_nothing_is_loaded_from_another_place(site: Path) -> None:
    for page in site.rglob("*.html"):
        for found in _LOADED.findall(page.read_text("utf-8")):
            assert not re.match(r"(https?:)?//", found[0] or found[1]), page
