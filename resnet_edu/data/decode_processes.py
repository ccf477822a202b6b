"""How the processes that decode photographs start, which signals they ignore, and when they end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from multiprocessing import resource_tracker


def start_context(*preload: str) -> multiprocessing.context.BaseContext:
    """Forkserver with `preload` imported, else spawn: a process with threads or CUDA must not fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload, "torchvision.transforms.v2"])
    return context


@contextlib.contextmanager
def without_main_module() -> Iterator[None]:
    """Start processes without importing the running program, of which they need nothing."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Processes started inside, the forkserver too, receive neither SIGINT nor SIGTERM before `init_worker`.
    Ctrl-C, and torchrun's SIGTERM, go to the whole group; the trainer still needs images until it has
    finished its step."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # otherwise it starts later, and unblocks the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def init_worker(_: int) -> None:
    """Move this process into its own group, so that a later SIGTERM is meant for it alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the trainer
    if hasattr(signal, "pthread_sigmask"):
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")  # about odd metadata; they would break a progress bar


def _exit_with_parent() -> None:
    """Exit when the trainer dies: PyTorch watches the forkserver, which outlives it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
