"""How a run is computed and what it records: the record behind its how.json.

The file keeps its name and its keys (`checkpointed`, `shares`, `recording.checkpoints`), because recorded
runs and readers' scripts rely on them; the fields here have the terms that PyTorch uses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import files
from resnet_edu.runs.fields import Fields

MOST_THREADS, MOST_KEPT = 1024, 1000


@dataclasses.dataclass(frozen=True)
class RecordingConfig:
    """What a run records beside its losses and evaluations; changes none of its numbers.

    - `every_step`: layer norms at every step, not only at log-spaced ones.
    - `keep_weights`: after how many log-spaced steps the weights are kept (`--keep-weights`).
    """

    every_step: bool = False
    keep_weights: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.keep_weights <= MOST_KEPT:
            raise SpecError(f"keep-weights is {self.keep_weights}; allowed: 1 … {MOST_KEPT}")

    @classmethod
    def from_fields(cls, fields: Fields) -> RecordingConfig:
        return cls(fields.flag("every_step", False), fields.integer("checkpoints", 1, low=1, high=MOST_KEPT))

    def to_dict(self) -> dict[str, Any]:
        return {"every_step": self.every_step, "checkpoints": self.keep_weights}


@dataclasses.dataclass(frozen=True)
class ComputeRequest:
    """How the caller wants a run to be computed; what a run was begun with wins over it, except for
    what `overrides` names.

    - `device`: "cpu", "cuda", "cuda:1" or "mps"; None for the best there is.
    - `threads`: numbers of CPU threads to choose from; long runs measure which is fastest.
    - `workers`: processes that decode photographs; None for as many as pay.
    - `compile`: torch.compile or not; None lets long runs measure it.
    - `grad_checkpointing`: keep only the units' outputs for the backward pass, and recompute the rest.
    - `recording`: what to record.
    - `overrides`: which of `OVERRIDABLE` a run that was begun takes from here; how.json notes the change.
    """

    device: str | None = None
    threads: tuple[int, ...] = (1,)
    workers: int | None = None
    compile: bool | None = None
    grad_checkpointing: bool = False
    recording: RecordingConfig = RecordingConfig()
    overrides: tuple[str, ...] = ()


OVERRIDABLE = ("device", "threads", "compile", "grad_checkpointing", "every_step", "keep_weights")
_NOTED = ("device", "device_name", "cores", "system", "threads", "compiled", "checkpointed", "recording")
"""Keys of how.json that may change when a run goes on."""


@dataclasses.dataclass(frozen=True)
class ComputeChange:
    """At step `from_step` the run went on otherwise; `before` has the keys of how.json as they were."""

    from_step: int
    before: Mapping[str, Any]

    @classmethod
    def from_fields(cls, fields: Fields) -> ComputeChange:
        return cls(fields.integer("from_step"), fields.table("before"))


@dataclasses.dataclass(frozen=True)
class BatchShare:
    """From step `from_step` on, `processes` processes share each batch, and batch norm sees
    `batch_statistics_of` images at a time."""

    from_step: int
    processes: int
    batch_statistics_of: int

    @classmethod
    def from_fields(cls, fields: Fields) -> BatchShare:
        return cls(*(fields.integer(field.name) for field in dataclasses.fields(cls)))


@dataclasses.dataclass(frozen=True)
class ComputeConfig:
    """What a run's how.json holds. A field is None, or empty, where the file does not have it.

    - `device`, `precision` ("float32", "bfloat16"), `memory_format` (PyTorch's name), `threads` (of a CPU)
    - `compiled`, `compiled_because`: torch.compile, and why or why not
    - `captured`, `captured_because`: CUDA graphs, the same
    - `grad_checkpointing`: activations are recomputed in the backward pass
    - `layers`: the names of the layers whose norms are recorded, the one nearest the input first
    - `recording`: what the run records
    - `shares`: how processes share a batch; empty for one process
    - `changes`: where the run went on otherwise than it was begun, such as on another device
    - `measured_ms_per_step`: the measurements behind the choice, milliseconds by candidate
    - `commit`, `versions`, `device_name`, `cores`, `system`: provenance
    - `more`: keys that this version does not know; they are written back as they were
    """

    device: str
    precision: str | None = None
    memory_format: str | None = None
    threads: int | None = None
    compiled: bool | None = None
    compiled_because: str | None = None
    captured: bool | None = None
    captured_because: str | None = None
    grad_checkpointing: bool | None = None
    layers: tuple[str, ...] = ()
    recording: RecordingConfig | None = None
    shares: tuple[BatchShare, ...] = ()
    changes: tuple[ComputeChange, ...] = ()
    measured_ms_per_step: Mapping[str, float] | None = None
    commit: str | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    device_name: str | None = None
    cores: int | None = None
    system: str | None = None
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ComputeConfig:
        """Raises `RunError`, which names the file and the key, where it is missing or damaged."""
        return cls.from_dict(files.read_json(path), path)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str | Path = files.HOW) -> ComputeConfig:
        """The inverse of `to_dict`; a `RunError` names `where`."""
        fields = Fields(data, where)
        recording, shares = fields.inner("recording"), fields.inner_list("shares")
        changes = fields.inner_list("changes")
        versions = fields.inner("versions")
        return cls(
            device=fields.text("device"),
            precision=fields.text("precision", None),
            memory_format=fields.text("memory_format", None),
            threads=fields.integer("threads", None, low=1, high=MOST_THREADS),
            compiled=fields.flag("compiled", None),
            compiled_because=fields.text("compiled_because", None),
            captured=fields.flag("captured", None),
            captured_because=fields.text("captured_because", None),
            grad_checkpointing=fields.flag("checkpointed", None),
            layers=fields.texts("layers", ()),
            recording=RecordingConfig.from_fields(recording) if recording else None,
            shares=tuple(BatchShare.from_fields(each) for each in shares or ()),
            changes=tuple(ComputeChange.from_fields(each) for each in changes or ()),
            measured_ms_per_step=fields.numbers("measured_ms_per_step"),
            commit=fields.text("commit", None),
            versions={name: versions.text(name) for name in versions.rest()} if versions else {},
            device_name=fields.text("device_name", None),
            cores=fields.integer("cores", None),
            system=fields.text("system", None),
            more=fields.rest(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The keys of how.json, without those that are not set. The bench takes this mapping."""
        written: dict[str, Any] = {**self.more}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name != "more" and value is not None and value not in ((), {}):
                written[_KEYS.get(field.name, field.name)] = value
        if self.recording is not None:
            written["recording"] = self.recording.to_dict()
        if self.shares:
            written["shares"] = [dataclasses.asdict(share) for share in self.shares]
        if self.changes:
            written["changes"] = [dataclasses.asdict(change) for change in self.changes]
        if self.layers:
            written["layers"] = list(self.layers)
        return written

    def updated(self, facts: Mapping[str, Any]) -> ComputeConfig:
        """With these keys of how.json changed."""
        return self.from_dict({**self.to_dict(), **facts})

    def noting(self, before: ComputeConfig, step: int) -> ComputeConfig:
        """With a note of what differs from `before`, as which the steps until `step` were computed."""
        was, now = before.to_dict(), self.to_dict()
        differing = {key: was.get(key) for key in _NOTED if was.get(key) != now.get(key)}
        if not step:
            return dataclasses.replace(self, changes=())
        if not differing:
            return self
        return dataclasses.replace(self, changes=(*before.changes, ComputeChange(step, differing)))


_KEYS = {"grad_checkpointing": "checkpointed"}
"""Fields whose key in how.json has an older name."""
