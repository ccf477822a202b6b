"""Ctrl-C and SIGTERM: an exit without a traceback, and a request to stop that is heard after a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C stopped."""


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Ctrl-C inside ends the process at once. For imports: libraries print tracebacks of a KeyboardInterrupt
    that comes while they are imported, and there is nothing to tidy up yet."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class ShouldContinue:
    """True until the first signal, whose number it keeps."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is None

    @property
    def exit_status(self) -> int:
        """As shells have it: 128 and the signal's number. Where another process asked, that of Ctrl-C."""
        return INTERRUPTED if self.signal is None else 128 + self.signal


@contextmanager
def gentle_interrupt(tell: Callable[[], None], *others: signal.Signals) -> Iterator[ShouldContinue]:
    """Yields `should_continue()`, false after the first Ctrl-C (or another of these signals), when it calls
    `tell`; the second one interrupts at once."""
    should_continue = ShouldContinue()

    def first(signum: int, frame: FrameType | None) -> None:
        should_continue.signal = should_continue.signal or signum
        signal.signal(signum, before[signal.Signals(signum)])
        with suppress(RuntimeError):  # it came while the process was printing
            tell()

    before = {number: signal.signal(number, first) for number in (signal.SIGINT, *others)}
    try:
        yield should_continue
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
