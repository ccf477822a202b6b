"""Named random generators: each purpose gets its own, so adding one never changes the numbers of another."""

from __future__ import annotations

import hashlib
import json

import torch


def seed_for(seed: int, *words: str | int) -> int:
    """A 63-bit seed derived from `seed` and `words` (BLAKE2b), the same on every machine.

    PyTorch's CPU generator uses only the low 32 bits of its seed; any 32 bits of a hash do.
    """
    digest = hashlib.blake2b(json.dumps([seed, *words]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(seed: int, *words: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator on `device` for the purpose that `words` name: `generator_for(0, "order", 3)`."""
    return torch.Generator(device).manual_seed(seed_for(seed, *words))
