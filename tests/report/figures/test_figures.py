"""What holds of all figures; what each of them shows is tested beside its module."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from PIL import Image

from forget.errors import OutputError, UnknownNameError
from forget.report.figures import FORMATS, write_figures
from report import made_frames

KINDS = {
    "forest", "frontier", "heatmap", "matrix", "methods", "razor", "training", "trajectories",
}  # fmt: skip


def kinds(files: tuple[Path, ...]) -> set[str]:
    return {path.stem.partition("-")[0] for path in files}


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_figures(made_frames.compared(), tmp_path / "one", FORMATS)
    two = write_figures(made_frames.compared(), tmp_path / "two", FORMATS)
    assert len(one.files) == 2 * len(FORMATS)
    for first, second in zip(one.files, two.files, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes(), first.name


@pytest.mark.slow
def test_every_figure_is_written_in_every_format_and_the_same_bytes_again(tmp_path: Path) -> None:
    material = made_frames.small()
    written = write_figures(material, tmp_path / "one", FORMATS)
    assert written.omitted == {}
    assert kinds(written.files) == KINDS
    assert sorted(tmp_path.glob("one/*")) == sorted(written.files)
    again = write_figures(material, tmp_path / "two", FORMATS)
    assert [path.name for path in again.files] == [path.name for path in written.files]
    for one, two in zip(written.files, again.files, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


@pytest.mark.slow
def test_sizes_are_those_of_columns_and_fonts_are_embedded(tmp_path: Path) -> None:
    written = write_figures(made_frames.small(), tmp_path, ("png", "pdf"))
    for path in written.files:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert image.width in (975, 2025), path.name
                assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
                assert image.getextrema() != ((255, 255),) * 4, path.name
        else:
            content = path.read_bytes()
            assert b"/FontFile2" in content
            assert b"/Type3" not in content
            assert b"CreationDate" not in content


@pytest.mark.slow
def test_an_svg_has_no_date_and_no_name_of_a_font(tmp_path: Path) -> None:
    """Text is drawn as shapes, so nothing but names that the figure draws could be in it."""
    for path in write_figures(made_frames.awkward(), tmp_path, ("svg",)).files:
        content = path.read_text("utf-8")
        assert "<dc:date>" not in content
        assert "<text" not in content
        assert "<script" not in content


@pytest.mark.slow
def test_what_a_user_has_set_in_matplotlib_changes_nothing(tmp_path: Path) -> None:
    material = made_frames.compared()
    plain = write_figures(material, tmp_path / "plain", ("svg",))
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        other = write_figures(material, tmp_path / "other", ("svg",))
        assert mpl.rcParams["font.size"] == 20
    for one, two in zip(plain.files, other.files, strict=True):
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_a_single_run_leaves_out_what_compares(tmp_path: Path) -> None:
    written = write_figures(made_frames.single(), tmp_path, ("svg",))
    assert kinds(written.files) == {"forest", "heatmap", "training"}
    assert set(written.omitted) == {"matrix-gsm8k", "methods", "trajectories", "frontier", "razor"}
    assert all(re.search(r"two|fewer", reason) for reason in written.omitted.values())


def test_a_comparison_of_folders_has_a_forest_and_a_heatmap(tmp_path: Path) -> None:
    written = write_figures(made_frames.compared(), tmp_path, ("svg",))
    assert kinds(written.files) == {"forest", "heatmap"}
    assert len(written.omitted) == 6


def test_nothing_at_all(tmp_path: Path) -> None:
    empty = made_frames.material(made_frames.frame([]))
    written = write_figures(empty, tmp_path, ("svg",))
    assert written.files == ()
    assert set(written.omitted) == KINDS


@pytest.mark.slow
def test_nothing_evaluated(tmp_path: Path) -> None:
    found = made_frames.single().results
    for exam in found["benchmark"].unique():
        made_frames.missing(found, found["run"].iloc[0], exam)
    written = write_figures(made_frames.material(found), tmp_path, ("svg",))
    assert kinds(written.files) == {"training"}
    assert kinds(tuple(map(Path, written.omitted))) == KINDS - {"training"}


@pytest.mark.slow
def test_odd_names_and_missing_numbers(tmp_path: Path) -> None:
    """Dollar signs are no formula; warnings, of letters or of numbers, would be errors."""
    written = write_figures(made_frames.awkward(), tmp_path, ("png",))
    assert kinds(written.files) == KINDS
    assert written.omitted == {}


def test_a_format_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="format of figures named 'jpg'"):
        write_figures(made_frames.single(), tmp_path / "new", ("pdf", "jpg"))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--figures"):
        write_figures(made_frames.single(), tmp_path / "file" / "new")


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = (
        "import sys, forget.report.figures, forget.report.tables; "
        "print(*{'matplotlib', 'pandas', 'pyarrow'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.slow
def test_eighteen_runs(tmp_path: Path) -> None:
    written = write_figures(made_frames.large(), tmp_path, ("svg",))
    assert kinds(written.files) == KINDS
    assert len([path for path in written.files if path.stem.startswith("heatmap")]) == 18
    assert written.omitted == {}
