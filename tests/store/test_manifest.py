from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from forget.errors import DataError, StorageError
from forget.store import manifest as module
from forget.store.manifest import (
    MANIFEST,
    complete_kind,
    fault,
    file_digest,
    read_manifest,
    seal,
    verify,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sealed"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"abc")
    (folder / "sub" / "b.txt").write_text("hello")
    return folder


def test_the_digest_is_sha256(folder: Path) -> None:
    assert file_digest(folder / "a.bin") == hashlib.sha256(b"abc").hexdigest()


def test_a_sealed_folder_is_complete(folder: Path) -> None:
    sealed = seal(folder, "checkpoint", {"step": 3, "path": Path("x")})
    assert set(sealed.files) == {"a.bin", "sub/b.txt"}
    assert sealed.files["a.bin"] == (3, hashlib.sha256(b"abc").hexdigest())
    for found in (read_manifest(folder), verify(folder)):
        assert found is not None
        assert (found.kind, found.details) == ("checkpoint", {"step": 3, "path": "x"})
        assert found.files == sealed.files


def test_sealing_again_does_not_seal_the_seal(folder: Path) -> None:
    assert seal(folder, "data", {}).files == seal(folder, "data", {}).files


def test_an_unsealed_folder_is_incomplete(folder: Path, tmp_path: Path) -> None:
    assert read_manifest(folder) is None
    assert verify(folder) is None
    assert verify(tmp_path / "nowhere") is None


def test_a_changed_byte_is_seen_by_verify_alone(folder: Path) -> None:
    seal(folder, "data", {})
    (folder / "a.bin").write_bytes(b"abd")
    assert read_manifest(folder) is not None
    assert verify(folder) is None


@pytest.mark.parametrize("content", [b"ab", b"abcd", b""])
def test_a_changed_size_is_seen_by_both(folder: Path, content: bytes) -> None:
    seal(folder, "data", {})
    (folder / "a.bin").write_bytes(content)
    assert read_manifest(folder) is None
    assert verify(folder) is None


@pytest.mark.parametrize("name", ["a.bin", "sub/b.txt", MANIFEST])
def test_a_missing_file(folder: Path, name: str) -> None:
    seal(folder, "data", {})
    (folder / name).unlink()
    assert read_manifest(folder) is None
    assert verify(folder) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"kind": "data", "details": {}, "files": []}',
        '{"kind": "data", "details": {}, "files": {"a.bin": {"bytes": 3}}}',
        '{"kind": "data", "details": {}, "files": {"a.bin": 3}}',
        '{"details": {}, "files": {}}',
    ],
)
def test_a_damaged_manifest_is_none(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert read_manifest(folder) is None
    assert verify(folder) is None


def test_a_manifest_that_is_no_text(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff\xfe{")
    assert read_manifest(folder) is None


def test_the_manifest_is_written_last_and_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module, "file_digest", fail)
    with pytest.raises(StorageError, match="The disk is full"):
        seal(folder, "data", {})
    assert not (folder / MANIFEST).exists()


def test_the_manifest_is_readable_by_others(folder: Path) -> None:
    seal(folder, "data", {"rows": 2})
    plain = json.loads((folder / MANIFEST).read_text())
    assert plain["format"] == 1
    assert plain["files"]["sub/b.txt"] == {
        "bytes": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
    }


def test_no_fault(folder: Path) -> None:
    seal(folder, "data", {})
    assert fault(folder, digests=False) is None
    assert fault(folder, digests=True) is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.bin", None, "a.bin is missing"),
        ("a.bin", b"ab", "a.bin has 2 bytes and had 3"),
        (MANIFEST, None, f"it has no {MANIFEST}"),
        (MANIFEST, b"{", "is not a manifest"),
        (MANIFEST, b'{"files": {}, "details": 3}', "is not a manifest"),
        (MANIFEST, b'{"files": {"a": 3}, "details": {}}', "is not a manifest"),
        (MANIFEST, b"\xff", "is not a manifest"),
    ],
)
def test_a_fault_is_named(folder: Path, name: str, content: bytes | None, says: str) -> None:
    seal(folder, "data", {})
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    assert says in (fault(folder, digests=False) or "")
    assert read_manifest(folder) is None


def test_a_changed_value_shows_in_digests_alone(folder: Path) -> None:
    seal(folder, "data", {})
    (folder / "a.bin").write_bytes(b"abd")
    assert fault(folder, digests=False) is None
    assert "a.bin was changed: its SHA-256" in (fault(folder, digests=True) or "")


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(folder, "data", {})

    def refuse(_: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "file_digest", refuse)
    assert fault(folder, digests=True) == "a.bin cannot be read: Input/output error"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: None,
        lambda folder: (folder / "a" / "b").unlink(),
        lambda folder: (folder / "a" / "b").write_text("longer"),
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_text("{"),
        lambda folder: (folder / MANIFEST).write_text("[]"),
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff"),
        lambda folder: (folder / MANIFEST).write_text('{"kind": "data", "files": {"a": 1}}'),
    ],
    ids=["none", "missing", "size", "unfinished", "cut", "list", "bytes", "other"],
)
def test_the_kind_alone_is_told_as_with_all_else(tmp_path: Path, damage: Any) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("short")
    seal(tmp_path, "data", {})
    damage(tmp_path)
    manifest = read_manifest(tmp_path)
    assert complete_kind(str(tmp_path)) == (manifest.kind if manifest else None)


@pytest.mark.parametrize("read", [read_manifest, verify, complete_kind])
def test_a_folder_of_a_later_release_is_not_taken_for_unfinished(folder: Path, read: Any) -> None:
    seal(folder, "data", {})
    plain = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**plain, "format": 2, "files": ["another shape"]}))
    with pytest.raises(DataError) as caught:
        read(folder)
    assert str(caught.value) == (
        f"{folder} was written by a later forget: it has format 2, and this one reads formats up "
        "to 1. Upgrade it (pip install --upgrade forget-llm), or take another folder."
    )
