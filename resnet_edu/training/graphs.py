"""CUDA graphs: a step is launched as a whole, instead of as some hundred small operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

import torch

WARM_UP = 3


class Stage(Protocol):
    """Where work is captured: `Cuda`, or what stands in for it in a test."""

    def aside(self, work: Callable[[], None]) -> None:
        """Do the work now, as it must be done before it is captured."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Note the work down without doing it; what is returned does it."""


class Cuda:
    """Captures on a stream of its own. All graphs share their memory, for they are never replayed at once."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def aside(self, work: Callable[[], None]) -> None:
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            work()
        torch.cuda.current_stream(self.device).wait_stream(self.stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


class Replayed:
    """`step(record)`, captured once for each value of `record` and replayed from then on.

    The first few steps of either kind are computed eagerly: they are steps of the training like any others,
    and warm up what must not happen for the first time in a capture. A capture that fails loses
    nothing, since nothing is computed in it: from then on all steps are eager, and `trouble` says why.
    """

    def __init__(self, step: Callable[[bool], None], stage: Stage) -> None:
        self.step, self.stage = step, stage
        self.done: Counter[bool] = Counter()
        self.graphs: dict[bool, Callable[[], None]] = {}
        self.trouble = ""

    def __call__(self, record: bool) -> None:
        if self.trouble:
            return self.step(record)
        if self.done[record] < WARM_UP:
            self.done[record] += 1
            return self.stage.aside(lambda: self.step(record))
        if record not in self.graphs:
            try:
                self.graphs[record] = self.stage.capture(lambda: self.step(record))
            except Exception as error:  # whatever it is, the training must go on
                self.trouble = reason(error)
                return self.step(record)
        return self.graphs[record]()


def reason(error: Exception) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
