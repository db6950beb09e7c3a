"""A whole study in small on a real Slurm: submitted by one command, done without another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.slurm.small_study import SmallStudy, make_models
from slurm_cluster import SlurmCluster, slurm_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
