"""CUDA graphs: launch a step as a whole, instead of hundreds of small kernels one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

import torch

WARM_UP = 3


class Capturer(Protocol):
    """Captures work: `CudaCapturer`, or a substitute in a test."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Run the work now, on the stream of later captures."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record the work without running it; the returned function runs it."""


class CudaCapturer:
    """Captures on its own stream. All graphs share one memory pool, since no two run at the same time."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Callable[[], None]) -> None:
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            work()
        torch.cuda.current_stream(self.device).wait_stream(self.stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


class CudaGraphStep:
    """`step(record)`, captured once for each value of `record`, then replayed.

    The first three steps of each kind run eagerly: they are steps of the training, and do initialisation that
    must not happen in a capture. A capture computes nothing, so one that fails loses no step: from then on
    all steps run eagerly, and `error` has the reason.
    """

    def __init__(self, step: Callable[[bool], None], capturer: Capturer) -> None:
        self.step, self.capturer = step, capturer
        self.done: Counter[bool] = Counter()
        self.graphs: dict[bool, Callable[[], None]] = {}
        self.error = ""

    def __call__(self, record: bool) -> None:
        if self.error:
            return self.step(record)
        if self.done[record] < WARM_UP:
            self.done[record] += 1
            return self.capturer.warm_up(lambda: self.step(record))
        if record not in self.graphs:
            try:
                self.graphs[record] = self.capturer.capture(lambda: self.step(record))
            except Exception as error:  # whatever it is, the training must go on
                self.error = one_line(error)
                return self.step(record)
        return self.graphs[record]()


def one_line(error: Exception) -> str:
    """Type and first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
