r"""A process that compares LaTeX answers by value with math-verify; run as a script by the pool.

Each line of standard input is a JSON list ``[gold, answer]``, each line of standard output a JSON
object ``{"equal": bool, "reason": str}``. The first line of the output is ``{"ready": true}``, or
``{"error": ...}`` if math-verify cannot be imported.

The process ends at the end of its input, so also when its parent is killed, and the kernel ends it
when one comparison takes more processor time than it may, whatever it is computing: SIGPROF's
default action needs no Python code to run.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import IO, Any


def main() -> None:
    """Answer requests until the end of the input; arguments: CPU seconds, memory in bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group of processes
    cpu_limit_s, memory_bytes = float(sys.argv[1]), int(sys.argv[2])
    channel = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints is no answer
    with contextlib.suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        compare = load()
        compare("1", "\\frac{2}{2}")  # sympy imports parts of itself at first use
    except Exception as error:
        send(channel, {"error": f"{type(error).__name__}: {error}"})
        return
    send(channel, {"ready": True})
    for line in sys.stdin.buffer:
        gold, answer = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, cpu_limit_s)
        try:
            reply = compare(gold, answer)
        except MemoryError:
            reply = {"equal": False, "reason": "needs too much memory to compare"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        send(channel, reply)


def send(channel: IO[str], message: dict[str, Any]) -> None:
    """Write one line at once."""
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def load() -> Callable[[str, str], dict[str, Any]]:
    """Import math-verify and return the comparison of two answers.

    Its own time limits rest on SIGALRM and are off: the process is limited as a whole.
    """
    import logging

    from math_verify import LatexExtractionConfig, parse, verify
    from sympy import Eq

    logging.disable(logging.CRITICAL)
    config = [LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)]

    @lru_cache(maxsize=16)
    def read(text: str) -> list[Any]:
        boxed = f"\\boxed{{{text}}}"
        found = parse(boxed, config, fallback_mode="no_fallback", parsing_timeout=None)
        return list(found)

    def same(gold: Any, answer: Any) -> bool:
        return bool(verify(gold, answer, strict=True, timeout_seconds=None))

    def contradicts_itself(value: Any) -> bool:
        """Whether it says that two numbers are equal that are not; verify looks at the last."""
        equations = getattr(value, "_unsorted_args", [value])
        return any(
            isinstance(equation, Eq)
            and not equation.free_symbols
            and not same(equation.lhs, equation.rhs)
            for equation in equations
        )

    def compare(gold: str, answer: str) -> dict[str, Any]:
        expected, given = read(gold), read(answer)
        if not expected:
            return {"equal": False, "reason": "can only be compared as text, and differs"}
        if not given:
            return {"equal": False, "reason": "is not an expression that can be read"}
        if not same(expected, given):
            return {"equal": False, "reason": "differs"}
        if any(contradicts_itself(value) for value in given):
            return {"equal": False, "reason": "contradicts itself"}
        return {"equal": True, "reason": "equal in value"}

    return compare


if __name__ == "__main__":
    main()
