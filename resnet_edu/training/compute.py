"""How a training is computed: device, precision, memory format, threads, compilation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from resnet_edu.experiment.spec import SpecError

PRECISIONS = ("float32", "bfloat16")
FORMATS = ("contiguous_format", "channels_last")


@dataclasses.dataclass(frozen=True)
class ComputeChoice:
    """The part of how.json that training reads and writes. It changes the last bits only, not the recipe.

    device                "cpu", "cuda", "cuda:1", "mps"
    precision             of activations: "float32" or "bfloat16" (autocast; weights stay float32)
    memory_format         of weights and images: "contiguous_format" or "channels_last"
    device_name           the processor's name
    threads               CPU threads of PyTorch
    cores                 CPU cores of the machine
    versions              of resnet_edu, python and torch
    system                operating system and architecture
    compiled              use torch.compile
    compiled_because      the reason, as a sentence
    captured              replay steps from a CUDA graph; None: on CUDA, yes
    checkpointed          recompute activations in the backward pass (less memory, more time)
    measured_ms_per_step  what `choose` measured: milliseconds per step by candidate
    """

    device: str
    precision: str = PRECISIONS[0]
    memory_format: str = FORMATS[0]
    device_name: str = ""
    threads: int = 1
    cores: int | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    system: str = ""
    compiled: bool = False
    compiled_because: str = ""
    captured: bool | None = None
    checkpointed: bool = False
    measured_ms_per_step: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Keys and values for how.json; optional fields that are not set are left out."""
        values = dataclasses.asdict(self)
        if self.captured is None:
            del values["captured"]
        return {name: value for name, value in values.items() if name not in OPTIONAL or value}

    @classmethod
    def from_dict(cls, how: Mapping[str, Any]) -> ComputeChoice:
        """Read how.json; other keys are ignored. Raises `SpecError` for values that are not allowed."""
        for name, allowed in (("precision", PRECISIONS), ("memory_format", FORMATS)):
            if how.get(name) not in allowed:
                raise SpecError(f"how.json: {name} is {how.get(name)!r}; allowed: {', '.join(allowed)}")
        threads = how.get("threads")
        if not isinstance(threads, int) or threads < 1:
            raise SpecError(f"how.json: threads is {threads!r}; allowed: 1 and more")
        return cls(**{name: how[name] for name in FIELDS if name in how})


FIELDS = tuple(field.name for field in dataclasses.fields(ComputeChoice))
OPTIONAL = (
    "device_name",
    "cores",
    "versions",
    "system",
    "compiled_because",
    "checkpointed",
    "measured_ms_per_step",
)
