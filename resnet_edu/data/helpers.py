"""The processes that decode photographs: how they are started, what they are deaf to, when they end."""

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


def context(*imported: str) -> multiprocessing.context.BaseContext:
    """Neither threads nor CUDA may be forked: processes are, from a server that has `imported` all."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*imported, "torchvision.transforms.v2"])
    return context


@contextlib.contextmanager
def main_left_out() -> Iterator[None]:
    """New processes would import the program that runs, its screens and all, and need nothing of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """The server that is started here, and what it forks, has SIGTERM blocked. torchrun sends it to all
    processes of a group; whoever trains stops then, and needs images until it has."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which else is started later on, and unblocks
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def undisturbed(_: int) -> None:
    """A group of its own: what then says SIGTERM means this process alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who trains
    if hasattr(signal, "pthread_sigmask"):
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")  # of odd metadata, in the midst of a progress bar


def _end_with_parent() -> None:
    """Who trains may be killed; PyTorch looks for the server instead, which lives as long as we do."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
