"""Random numbers by name: whoever draws has a generator of their own, so nobody shifts another's draws."""

from __future__ import annotations

import hashlib
import json

import torch


def seed_for(seed: int, *words: str | int) -> int:
    """A number of 63 bits out of `seed` and `words`, the same on every machine.

    PyTorch's CPU generator uses the low 32 bits of its seed, which are as good as any others of a hash.
    """
    digest = hashlib.blake2b(json.dumps([seed, *words]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(seed: int, *words: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for the purpose that `words` name: `generator_for(0, "order", 3)`."""
    return torch.Generator(device).manual_seed(seed_for(seed, *words))
