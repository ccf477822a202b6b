"""A CUDA graph's stand-in on the CPU: notes down a step's operations, and repeats them on the same tensors.

As strict as the real one: in a capture nothing is computed that lasts, nothing may wait for the device
(`.item()`), and no number may come from the host (`torch.tensor`). What Python decides while it is noted
down is decided for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

FORBIDDEN = ("aten._local_scalar_dense", "aten.lift_fresh", "aten.is_nonzero", "aten.nonzero")


class _Noted(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.work: list[tuple[Any, tuple, dict, Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if str(func).startswith(FORBIDDEN):
            raise RuntimeError(f"{func} is not permitted when stream is capturing")
        out = func(*args, **(kwargs or {}))
        self.work.append((func, args, kwargs or {}, out))
        return out


class Tape:
    """`lasting` are what a step changes; a capture leaves it, and random states, as they are."""

    def __init__(self, lasting: list[Tensor]) -> None:
        self.lasting = lasting
        self.captures = self.replays = 0

    def warm_up(self, work: Callable[[], None]) -> None:
        work()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        before = [tensor.detach().clone() for tensor in self.lasting]
        with torch.random.fork_rng(devices=[]), _Noted() as noted:
            work()
        with torch.no_grad():
            for tensor, was in zip(self.lasting, before, strict=True):
                tensor.copy_(was)
        self.captures += 1
        return lambda: self._replay(noted.work)

    @torch.no_grad()
    def _replay(self, work: list[tuple[Any, tuple, dict, Any]]) -> None:
        self.replays += 1
        for func, args, kwargs, out in work:
            for old, new in zip(tree_leaves(out), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)
