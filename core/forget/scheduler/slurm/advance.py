"""One pass: write down what has ended, submit what is ready and fits, have a caretaker wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import attrs

from forget.cluster import Cluster
from forget.scheduler.outcomes import write_report
from forget.scheduler.ready import progress_of, ready_units
from forget.scheduler.slurm import client
from forget.scheduler.slurm.caretaker import Caretakers, read_cluster, write_cluster
from forget.scheduler.slurm.client import Listed, SlurmError
from forget.scheduler.slurm.guard import alone, this_job
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.loads import Load, loads
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.script import job_script, sbatch_options
from forget.scheduler.slurm.settle import settle
from forget.scheduler.slurm.sizes import Budget
from forget.scheduler.slurm.studies import Study, open_studies
from forget.store.atomic import write_text

__all__ = ["Advanced", "advance"]


class Advanced(NamedTuple):
    """What a pass did, and what is left.

    Attributes:
        submitted: Jobs that were submitted.
        active: All jobs that are in the queue, those included.
        held: Jobs that are over the budget now.
        given_up: Names of the units that are not tried any more.
        watched: Whether somebody will look again by itself.
        done: Units that are done.
        units: All units.
    """

    submitted: list[SlurmJob]
    active: list[SlurmJob]
    held: int
    given_up: list[str]
    watched: bool
    done: int
    units: int

    @property
    def over(self) -> bool:
        """Whether nothing is left that will be done by itself."""
        return not self.active and not self.watched


def advance(
    place: Place, note: Callable[[str], None], *, job: str = "", caretaker: bool = False
) -> Advanced:
    """Do what can be done for everything that was asked for on a cluster.

    Args:
        place: The folder of its jobs.
        note: Told what happens, a line each.
        job: Name of the job that this process ends.
        caretaker: Whether this process is a caretaker.

    Raises:
        SlurmError: Slurm does not answer, or refused a job; what was submitted before stays.
        BusyError: Another pass takes for ever.
        StorageError: The disk is full.
    """
    with alone(place):
        listed = client.list_jobs()
        caretakers = Caretakers(place, listed, this_job())
        if caretaker:  # before anything that may fail, for nobody may come after it
            budget = Budget.of(read_cluster(place), listed)
            caretakers.ensure(budget, [this_job()], failed=caretakers.failed + 1)
        ledger = Ledger.to_write(place.ledger)
        left_out: list[str] = []
        studies = list(open_studies(place, note, left_out))
        settle(ledger, place, studies, listed, ending=job, note=note)
        passed = _Pass(
            place, ledger, studies, listed, caretakers, note, left_out, this_job() if job else ""
        )
        passed.submit()
        passed.watch()
        return passed.found()


@attrs.define
class _Pass:
    """What is submitted, now that it is known what has ended."""

    place: Place
    ledger: Ledger
    studies: Sequence[Study]
    listed: Sequence[Listed]
    caretakers: Caretakers
    note: Callable[[str], None]
    left_out: Sequence[str]
    ending: str = ""
    held: int = 0
    submitted: list[SlurmJob] = attrs.field(factory=list)
    refused: SlurmError | None = None

    def submit(self) -> None:
        """Submit what is ready and fits the budget."""
        for study in self.studies:
            write_cluster(self.place, study.cluster)
            budget = self._budget(study.cluster)
            for load in self._loads(study):
                if self.refused is not None or not self._fits(load, budget):
                    self.held += 1
                    continue
                try:
                    self._submit(load, study, budget)
                except SlurmError as error:
                    self.refused = error
                    self.held += 1

    def _budget(self, cluster: Cluster) -> Budget:
        budget = Budget.of(cluster, self.caretakers.queue)
        for job in self.submitted:
            budget.take(job.size)
        return budget

    def _loads(self, study: Study) -> Iterator[Load]:
        working = {unit for job in self.ledger.open.values() for unit in job.units}
        ready = ready_units(study.units, self.ledger.quarantined.keys(), working)
        partitions = client.list_partitions(None) if ready else []
        yield from loads(ready, study.cluster, study.costs, self.ledger.tries, partitions)

    def _fits(self, load: Load, budget: Budget) -> bool:
        if budget.allows(load.size, *self.caretakers.missing(budget.cluster)):
            return True
        if self.ledger.open or self.ending:
            return False
        # Nothing is at work, so this job must have the room; it brings its own caretaker.
        return self.caretakers.fits_instead(budget, load.size)

    def _submit(self, load: Load, study: Study, budget: Budget) -> None:
        name = f"{self.place.prefix}-{self.ledger.next_number:04d}-{load.stage}"
        units = [unit for command in load.commands for unit in command]
        lane, dependency = self._lane(budget.cluster.lanes)
        job = SlurmJob(
            name=name,
            stage=load.stage,
            commands=tuple(tuple(unit.name for unit in command) for command in load.commands),
            size=load.size,
            progress={unit.name: progress_of(unit, study.session) for unit in units},
            lane=lane,
        )
        rest = [
            self.ledger.tries[unit.name].wait_s for unit in units if unit.name in self.ledger.tries
        ]
        options = sbatch_options(
            study.cluster, name, load.size, dependency=dependency, wait_s=max(rest, default=0)
        )
        commands = [study.command(command) for command in load.commands]
        check = study.check(units[0])
        script = job_script(self.place, study.cluster, name, load.size, commands, check)
        write_text(self.place.job(name) / "script.sh", script)
        self.ledger.intend(job)
        if not budget.allows(load.size, *self.caretakers.missing(budget.cluster)):
            self.caretakers.dismiss(budget)  # now that nothing more must be written before
        number = client.submit(options, script)
        self.ledger.submitted(name, number)
        budget.take(load.size)
        self.submitted.append(self.ledger.jobs[name])
        self.note(f"{name} is job {number}: {commands[0][0]}{_more(len(units) - 1)}")

    def _lane(self, lanes: int) -> tuple[int, str]:
        """Choose the chain of jobs that has fewest, and what comes last in it."""
        if not lanes:
            return 0, ""
        chains: Mapping[int, list[str]] = {lane: [] for lane in range(lanes)}
        for job in self.ledger.open.values():
            if job.job:
                chains[job.lane % lanes].append(job.job)
        lane = min(chains, key=lambda lane: len(chains[lane]))
        return lane, f"afterany:{chains[lane][-1]}" if chains[lane] else ""

    def watch(self) -> None:
        """Have a caretaker wait for the end of whatever is in the queue, or none if all is over.

        Raises:
            SlurmError: A job was refused.
        """
        clusters = [study.cluster for study in self.studies]
        budget = self._budget(clusters[-1] if clusters else read_cluster(self.place))
        numbers = [job.job for job in self.ledger.open.values() if job.job]
        if self.held and self.ending:  # its own room is free in a moment
            numbers.append(self.ending)
        elif self.held and not numbers:
            numbers = self._others()
        if self.refused is not None:
            self.caretakers.ensure(budget, numbers, failed=self.caretakers.failed + 1)
            raise self.refused
        if numbers:
            self.caretakers.ensure(budget, numbers)
            self.caretakers.watch(numbers)
        elif self.left_out:  # what it lacks may come back, a file server for example
            self.caretakers.ensure(budget, [], failed=self.caretakers.failed + 1)
        else:
            self._report()  # before the last caretaker goes, for the disk may be full
            self.caretakers.dismiss(budget)

    def _report(self) -> None:
        for study in self.studies:
            report = write_report(study.asked.name, study.runs, study.session)
            if report is not None:
                self.note(f"What {study.asked.request.study} has found: {report}")

    def _others(self) -> list[str]:
        """Return the jobs of the user that are none of this folder's."""
        own = {this_job(), *(job.job for job in self.caretakers.waiting)}
        return [job.job for job in self.listed if not job.ended and job.job not in own]

    def found(self) -> Advanced:
        """Return what there is to say."""
        units = {unit.name: unit for study in self.studies for unit in study.units}
        return Advanced(
            submitted=self.submitted,
            active=list(self.ledger.open.values()),
            held=self.held,
            given_up=[name for name in self.ledger.quarantined if name in units],
            watched=bool(self.caretakers.waiting),
            done=sum(unit.state == "done" for unit in units.values()),
            units=len(units),
        )


def _more(count: int) -> str:
    return f", and {count} more" if count else ""
