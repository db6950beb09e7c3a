"""Coroutines that run in a thread of their own, their results as an ordinary iterator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from queue import SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["stream"]

T = TypeVar("T")

Session = Callable[[], AbstractAsyncContextManager[Callable[[int], Awaitable[T]]]]

_PATIENCE_S = 30.0
"""How long an end is waited for; whatever still runs then ends with the process."""


def stream(session: Session[T], count: int, concurrency: int) -> Iterator[T]:
    """Yield the results of `count` pieces of work in the order they finish.

    Args:
        session: Opens what the work needs and gives what does a piece by its number.
        count: Number of pieces.
        concurrency: Most pieces under way at once.
    """
    run = _Run(session, count, concurrency)
    run.start()
    try:
        while (arrived := run.arrived.get()) is not None:
            yield arrived
        if run.error is not None:
            raise run.error
    finally:
        run.cancel()


_CLOSING_S = 0.05
"""A connection closes in the next turns of the loop, which must come before its end."""


class _Run(Thread, Generic[T]):
    """An event loop in a thread. An ordinary program's own thread may have one already."""

    def __init__(self, session: Session[T], count: int, concurrency: int) -> None:
        super().__init__(name="openai-teacher", daemon=True)
        self.arrived: SimpleQueue[T | None] = SimpleQueue()
        self.error: BaseException | None = None
        self._session = session
        self._indices = iter(range(count))
        self._workers = min(concurrency, count)
        self._begun = Event()

    def run(self) -> None:
        """Do all of the work; None is what arrives last."""
        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # raised again where the results are wanted
            self.error = error
        finally:
            self._begun.set()
            self.arrived.put(None)

    def cancel(self) -> None:
        """Drop what is under way and wait for the end."""
        self._begun.wait()
        with suppress(RuntimeError, AttributeError):  # it has ended, or did not come to begin
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join(_PATIENCE_S)

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with self._session() as do:
                # Only the asking can be cancelled: a session that is closing closes to the end.
                self._task = asyncio.create_task(self._ask_all(do))
                self._begun.set()
                await self._task
        finally:
            await asyncio.sleep(_CLOSING_S)

    async def _ask_all(self, do: Callable[[int], Awaitable[T]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._one_by_one(do))

    async def _one_by_one(self, do: Callable[[int], Awaitable[T]]) -> None:
        for index in self._indices:
            self.arrived.put(await do(index))
