"""Where everything of a cluster's jobs lies, and which folders have some."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.cli.place import chosen_place
from forget.cluster import Cluster
from forget.errors import DataError, RequestError, UnknownNameError
from forget.scheduler.slurm.caretaker import read_cluster, write_cluster
from forget.scheduler.slurm.place import Place, places
from forget.store.layout import Workspace

SITE = Cluster(summary="x", scheduler="slurm", environment={"A": "b"}, options=("--x",))


def asked_on(out: Path, *clusters: str) -> None:
    for name in clusters:
        write_cluster(Place(Workspace(out), name), SITE)


def test_no_two_folders_share_a_prefix(tmp_path: Path) -> None:
    made = [
        Place(Workspace(tmp_path / out), cluster).prefix
        for out in ("a", "b")
        for cluster in ("one", "two")
    ]
    assert len(set(made)) == 4
    assert all(prefix.startswith("forget-") and len(prefix) == 13 for prefix in made)


def test_a_cluster_is_known_before_its_first_job(tmp_path: Path) -> None:
    """Where other programs fill the budget, the first job comes later."""
    asked_on(tmp_path, "one")
    assert [place.cluster for place in places(Workspace(tmp_path))] == ["one"]
    assert chosen_place(tmp_path, None).cluster == "one"


@pytest.mark.parametrize("name", ["a cluster", "gpu/big", "caf\u00e9", ".hidden"])
def test_a_cluster_may_have_any_name(tmp_path: Path, name: str) -> None:
    asked_on(tmp_path, name)
    for cluster in (None, name):
        found = chosen_place(tmp_path, cluster)
        assert found.root == Place(Workspace(tmp_path), name).root
        assert found.is_of(name)
        assert not found.is_of("another")
        assert not found.is_of("")  # what was asked of this machine


def test_it_is_said_which_to_choose(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"has had no jobs on a cluster.*--out"):
        chosen_place(tmp_path, None)
    asked_on(tmp_path, "one", "two")
    with pytest.raises(RequestError, match=r"2 clusters: one, two. Choose one by --cluster"):
        chosen_place(tmp_path, None)
    with pytest.raises(UnknownNameError, match="Did you mean 'one'"):
        chosen_place(tmp_path, "onw")
    assert chosen_place(tmp_path, "two").cluster == "two"


def test_what_a_caretaker_is_submitted_with_is_kept(tmp_path: Path) -> None:
    place = Place(Workspace(tmp_path), "one")
    with pytest.raises(DataError, match=r"cannot be read .* the command again"):
        read_cluster(place)
    write_cluster(place, SITE)
    assert read_cluster(place) == SITE
    place.caretaker.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read_cluster(place)
    write_cluster(place, SITE)
    assert read_cluster(place) == SITE
