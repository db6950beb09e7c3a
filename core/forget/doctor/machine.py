"""All that is looked at of a machine, whatever is to be done there."""

from __future__ import annotations

from collections.abc import Iterator

from forget.doctor.caches import caches
from forget.doctor.cluster import cluster as look_at_cluster
from forget.doctor.diagnosis import Check
from forget.doctor.gpus import gpus
from forget.doctor.packages import packages
from forget.doctor.plugins import plugins
from forget.doctor.processors import processors
from forget.doctor.python import python
from forget.doctor.storage import storage
from forget.doctor.variables import variables
from forget.doctor.vllm import vllm
from forget.session import Session

__all__ = ["machine"]


def machine(session: Session, cluster: str | None = None) -> Iterator[Check]:
    """Yield the checks of what is installed, of the hardware, of disks and of the cluster.

    Args:
        session: Says where output, models and data are.
        cluster: The cluster that jobs are to be submitted to, if any.

    Raises:
        ForgetError: There is no such cluster.
    """
    yield from python()
    yield from packages()
    yield from vllm(session)
    yield from plugins(session)
    yield from gpus(session)
    yield from processors()
    yield from storage(session)
    yield from caches(session)
    yield from look_at_cluster(session, cluster)
    yield from variables()
