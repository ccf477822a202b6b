"""Limits for code that a learner wrote: an endless loop ends, and a huge tensor is refused."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_exception.argtypes = (ctypes.c_ulong, ctypes.py_object)


class TimeLimit(BaseException):
    """The time is up. It is no `Exception`, so that `except Exception` in a loop does not catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimit` in this thread after `seconds`.

    It works in every thread and on every system, and takes effect between two steps of Python: one long
    operation of PyTorch runs to its end first, and so does an import, which would else be half done for good
    (PyTorch imports parts of itself at their first use).
    """
    thread, lock, ended, fired = threading.get_ident(), threading.Lock(), threading.Event(), False

    def interrupt() -> None:
        nonlocal fired
        ended.wait(seconds)
        while _imports(thread) and not ended.wait(0.2):
            pass
        with lock:
            if not ended.is_set():
                fired = True
                _set_exception(thread, ctypes.py_object(TimeLimit))

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            ended.set()
            if fired:
                _set_exception(thread, ctypes.py_object())  # takes it back if it is still on its way


def _imports(thread: int) -> bool:
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def memory_limit(extra: int) -> Iterator[None]:
    """Refuse more than `extra` bytes of new memory where the system can (Linux): PyTorch then raises a
    `RuntimeError`, and Python a `MemoryError`. Elsewhere it does nothing."""
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    ceiling = used + extra
    if soft != resource.RLIM_INFINITY and ceiling > soft:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
