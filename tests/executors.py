"""Executors that live in this process, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future

from waiting import until

from resnet_edu.runs import Run


class Told(Executor):
    """Does with each errand what it is told, and remembers it."""

    def __init__(self, does: Callable[[Callable, tuple, Future], None]) -> None:
        self.does, self.sent = does, []

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        self.sent.append((args, future))
        self.does(lambda: fn(*args), args, future)
        return future


def at_once(errand, args, future):
    future.set_result(errand())


def never(errand, args, future):
    """As on a cluster without workers."""


def ended(runs: list[Run]) -> list[str]:
    until(lambda: all(run.status().ended for run in runs))
    until(lambda: not any(run.busy() for run in runs))
    return [run.status().state for run in runs]
