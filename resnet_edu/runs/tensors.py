"""Weights and checkpoints: safetensors, with a checksum of all names, shapes and values in the metadata."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_edu.runs import checksums, files
from resnet_edu.runs.files import RunError

if TYPE_CHECKING:
    import numpy as np

FACTS = "facts"


def write(path: Path, tensors: Mapping[str, np.ndarray], facts: Mapping[str, object] | None = None) -> None:
    """Tensors by name, and `facts`, which are plain data."""
    import numpy as np
    from safetensors.numpy import save

    text = json.dumps(facts or {})
    metadata = {FACTS: text, checksums.KEY: f"{_checksum(tensors, text):08x}"}
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    files.replace_file(path, save(contiguous, metadata=metadata))


def read(path: Path, advice: str) -> tuple[dict[str, np.ndarray], Mapping[str, Any]]:
    """Tensors by name, and the facts. Raises `RunError` with the file's name and the `advice` where the file
    is damaged; files of older versions have no checksum, and are read without."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = files.read_bytes(path)
        tensors = load(content)
        metadata = _metadata(content)
        facts = metadata.get(FACTS, "{}")
        if metadata.get(checksums.KEY, "") not in ("", f"{_checksum(tensors, facts):08x}"):
            raise ValueError("its checksum does not fit")
        return tensors, dict(json.loads(facts))
    except (SafetensorError, AttributeError, TypeError, ValueError, OSError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); {advice}") from None


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return metadata


def _checksum(tensors: Mapping[str, np.ndarray], facts: str) -> int:
    crc = zlib.crc32(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        crc = zlib.crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), crc)
        crc = zlib.crc32(tensor.tobytes(), crc)
    return crc
