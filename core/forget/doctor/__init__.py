"""Whether everything that a study needs is there, and loads without a network: `forget doctor`.

Nothing is imported here, so that the process that is to have no network is sealed first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forget.doctor.diagnosis import Diagnosis
    from forget.plan import RunRequest
    from forget.progress import Progress
    from forget.session import Session

__all__ = ["examine", "problems"]


def examine(
    request: RunRequest | None,
    session: Session,
    progress: Progress,
    *,
    offline: bool = False,
    cluster: str | None = None,
) -> list[Diagnosis]:
    """Look at this machine, and at everything that the runs of a request need, each thing once.

    Nothing is written but a probe in the output folder, which is removed.

    Args:
        request: The runs; None looks at the machine alone.
        session: What they work with.
        progress: Where to report.
        offline: Look in a process of its own, in which every connection to another host fails.
        cluster: A cluster of the registry that jobs are to be submitted to from here.

    Raises:
        RequestError: The request itself is wrong.
        CatalogueError: The cluster does not use Slurm.
        WorkError: The process without a network ended before it was done.
    """
    if cluster is not None:
        session.catalogue.cluster(cluster)
    if offline:
        from forget.doctor.offline import examine_offline

        return examine_offline(request, session, progress, cluster)
    from forget.doctor.examining import examine_here

    return examine_here(request, session, progress, cluster)


def problems(
    request: RunRequest | None,
    session: Session,
    *,
    offline: bool = True,
    progress: Progress | None = None,
) -> list[Diagnosis]:
    """Return what would make the runs of a request fail, as a job asks in its first seconds.

    Args:
        request: The runs.
        session: What they work with.
        offline: See `examine`.
        progress: Where to report, if anywhere.

    Raises:
        RequestError: The request itself is wrong.
        WorkError: The process without a network ended before it was done.
    """
    from forget.progress import Silent

    found = examine(request, session, progress or Silent(), offline=offline)
    return [diagnosis for diagnosis in found if diagnosis.state == "problem"]
