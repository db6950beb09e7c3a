"""Which cluster of an output folder a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from forget.scheduler.slurm.place import Place

__all__ = ["chosen_place", "cluster_option"]

cluster_option = click.option(
    "--cluster", help="Whose jobs.  [default: the only cluster of the output folder]"
)


def chosen_place(out: Path, cluster: str | None) -> Place:
    """Return the place of a cluster's jobs.

    Raises:
        RequestError: The output folder has had no jobs there, or on several clusters.
    """
    from forget.errors import RequestError, UnknownNameError
    from forget.scheduler.slurm.place import places
    from forget.store.layout import Workspace, slug

    known = {place.cluster: place for place in places(Workspace(out.absolute()))}
    if not known:
        raise RequestError(
            f"{out} has had no jobs on a cluster. Submit some by `forget run --on slurm`, or name "
            "the output folder with --out."
        )
    if cluster is not None and slug(cluster) not in known:
        raise UnknownNameError("cluster with jobs of this folder", cluster, known)
    if cluster is None and len(known) > 1:
        raise RequestError(
            f"{out} has jobs on {len(known)} clusters: {', '.join(known)}. Choose one by --cluster."
        )
    return known[slug(cluster) if cluster is not None else next(iter(known))]
