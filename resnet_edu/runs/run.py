"""A run on disk, finished or growing: status, tables and weights."""

from __future__ import annotations

import json
import os
import re
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.spec import SpecError
from resnet_edu.runs import files, tensors
from resnet_edu.runs.compute import ComputeConfig
from resnet_edu.runs.files import RunError
from resnet_edu.runs.status import Status

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EVAL_COLUMNS = ("step", "images", "train_error", "train_error_batch", "train_loss", "test_error", "test_loss")

TEN_CROPS = "test_error_10_crops"


class Run:
    """One run's folder. Every method reads the files anew, so a growing run shows its newest rows. Runs
    of the same folder are equal, whenever they were made."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / files.EXPERIMENT).exists():
            raise RunError(f"{self.path} is no run: it has no {files.EXPERIMENT}")

    def __repr__(self) -> str:
        return f"Run({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self._absolute == other._absolute

    def __hash__(self) -> int:
        return hash(self._absolute)

    @property
    def _absolute(self) -> str:
        """Without "..", and on Windows in small letters; links are not followed."""
        return os.path.normcase(os.path.abspath(self.path))

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def experiment(self) -> Experiment:
        """Raises `RunError` when the file is damaged or describes something unknown."""
        path = self.path / files.EXPERIMENT
        try:
            found = Experiment.from_json(json.dumps(files.read_json(path)))
        except SpecError as error:
            raise RunError(f"{path}: {error}") from None
        key = re.search(r"-([0-9a-f]{12})(~\d+)?$", self.name)
        if key is not None and key[1] != found.key:  # the name of a run is its checksum
            raise RunError(f"{path} is damaged: it describes {found.name}; copy the run again")
        return found

    @property
    def compute(self) -> ComputeConfig | None:
        """How it is computed and recorded; None before it was first trained. Raises `RunError`."""
        path = self.path / files.HOW
        return ComputeConfig.read(path) if path.exists() else None

    @property
    def job_file(self) -> Path:
        """The file in the queue that asks workers to train the run on; it exists as long as they should."""
        return self.path.parent / files.QUEUE / f"{self.name}.json"

    def queue(self) -> None:
        """Mark the run as waiting to be trained (on), and clear any stop request."""
        (self.path / files.STOP).unlink(missing_ok=True)
        if (self.path / files.STATUS).exists():
            self._write_status(replace(self._read_status(), state="queued", message=""))

    def stop(self) -> None:
        """Ask the process that trains the run to stop after its present chunk of steps."""
        (self.path / files.STOP).touch()
        if self.status().state in ("queued", "interrupted"):
            self._write_status(replace(self._read_status(), state="stopped"))

    def stop_requested(self) -> bool:
        """True from `stop` until the run is queued or trained again."""
        return (self.path / files.STOP).exists()

    def busy(self) -> bool:
        """True while a process holds the run to write it."""
        try:
            # Another reader holds the lock for an instant, a writer as long as it trains.
            with FileLock(self.path / files.LOCK, timeout=0.02, poll_interval=0.001):
                return False
        except Timeout:
            return True
        except OSError:  # a read-only shelf: no process writes there
            return False

    def status(self) -> Status:
        """Raises `RunError`, which names file and key, where status.json is damaged."""
        status = self._read_status()
        if status.state in ("running", "queued") and self.busy():
            return replace(status, state="running")
        if status.state == "running":
            status = self._read_status()  # the run may have ended between reading it and asking for its lock
            if status.state == "running":
                return replace(status, state="interrupted", has_job=self.job_file.exists())
        return status

    def steps(self) -> pd.DataFrame:
        """One row a step: step, loss (nats, of that step's batch), lr, seconds since the start."""
        return self._table(files.STEPS, ("step", "loss", "lr", "seconds"))

    def evals(self) -> pd.DataFrame:
        """One row an evaluation, after `step` updates: errors in %, losses in nats, over `images`.

        A run that was evaluated on ten crops of every test image has their error as one more column.
        """
        table = self._table(files.EVALS, (*EVAL_COLUMNS, TEN_CROPS))
        unused = TEN_CROPS in table and table[TEN_CROPS].isna().all()
        return table.drop(columns=TEN_CROPS) if unused else table

    def layers(self) -> pd.DataFrame:
        """One row per recorded step and layer (0 is nearest the input): L2 norms of the loss
        gradient, of the weights after the step, and of the step's update."""
        import numpy as np
        import pandas as pd

        if (table := self._parquet("layers")) is not None:
            return table
        names = self.compute.layers if self.compute else ()
        rows = files.read_norms(self.path / files.LAYERS, len(names))
        columns = {
            "step": np.repeat(rows[:, 0].astype(int), len(names)),
            "layer": np.tile(np.arange(len(names)), len(rows)),
            "name": np.tile(np.array(names, dtype=object), len(rows)),
        }
        norms = rows[:, 1:].reshape(len(rows), len(files.NORMS), len(names))
        return pd.DataFrame(columns | {norm: norms[:, i].ravel() for i, norm in enumerate(files.NORMS)})

    def units(self) -> pd.DataFrame:
        """One row per evaluation and unit.

        step         updates done
        unit         position, 0 nearest the input
        name         of the module
        gradient     L2 norm of the loss gradient at the unit's output, on a fixed batch
        correlation  cosine between the gradients at nearby inputs (Balduzzi 2017)
        """
        import pandas as pd

        if (table := self._parquet("blocks")) is not None:
            return table.rename(columns={"block": "unit"})
        path = self.path / files.BLOCKS
        with _named(path):
            rows = [
                {"step": line["step"], "unit": i, "name": name, "gradient": gradient, "correlation": cosine}
                for line in files.read_rows(path)
                for i, (name, gradient, cosine) in enumerate(
                    zip(*(_list(line, key) for key in ("names", "gradient", "correlation")), strict=True)
                )
            ]
            table = pd.DataFrame(rows, columns=["step", "unit", "name", "gradient", "correlation"])
            if not all(isinstance(name, str) for name in table["name"]):
                raise ValueError("a name is no text")
            return _numbers(table, integers=("step", "unit"), floats=("gradient", "correlation"))

    def blocks(self) -> pd.DataFrame:
        """The table of `units` as files name it, which exports keep: `block` for `unit`."""
        return self.units().rename(columns={"unit": "block"})

    def weight_steps(self) -> list[int]:
        """After how many steps weights were kept."""
        found = (re.fullmatch(r"(\d+)\.safetensors", p.name) for p in (self.path / files.WEIGHTS).glob("*"))
        return sorted(int(match[1]) for match in found if match)

    def weights(self, step: int | None = None) -> dict[str, np.ndarray]:
        """Tensors by name after `step` steps (the last kept by default); raises `RunError`."""
        kept = self.weight_steps()
        if not kept or (step is not None and step not in kept):
            raise RunError(f"{self.name} kept no weights at step {step}; kept: {kept or 'none'}")
        path = files.weights_file(self.path, kept[-1] if step is None else step)
        return tensors.read(path, "train again, or copy the run again")[0]

    def _read_status(self) -> Status:
        """As the file has it: the process that trained, queued or stopped the run wrote it last."""
        path = self.path / files.STATUS
        said = files.read_json(path) if path.exists() else {}
        return Status.from_dict(said, self.experiment.recipe.steps, path)

    def _write_status(self, status: Status) -> None:
        files.write_sealed(self.path / files.STATUS, status.to_dict())

    def _parquet(self, name: str) -> pd.DataFrame | None:
        import pandas as pd

        path = self.path / f"{name}.parquet"
        try:
            return pd.read_parquet(path) if path.exists() else None
        except (ValueError, OSError) as error:
            raise RunError(f"{path} is damaged ({error}); copy the run again") from None

    def _table(self, file: str, columns: tuple[str, ...]) -> pd.DataFrame:
        import pandas as pd

        if (table := self._parquet(file.removesuffix(".jsonl"))) is not None:
            return table
        with _named(self.path / file):
            table = pd.DataFrame(files.read_rows(self.path / file), columns=list(columns))
            integers = tuple(name for name in columns if name in ("step", "images"))
            return _numbers(table, integers, tuple(name for name in columns if name not in integers))


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    if not isinstance(row[key], list):
        raise TypeError(f"{key} is no list")
    return list(row[key])


def _numbers(table: pd.DataFrame, integers: tuple[str, ...], floats: tuple[str, ...]) -> pd.DataFrame:
    """The table with these types; null is NaN. Raises `ValueError` for texts, flags and lists."""
    for name in (*integers, *floats):
        if table[name].dtype.kind not in "iuf":
            for value in table[name]:
                if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                    raise ValueError(f"{name} is {reprlib.repr(value)}, no number")
    return table.astype(dict.fromkeys(integers, int) | dict.fromkeys(floats, float))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Adds the file's name to what is wrong with its rows."""
    try:
        yield
    except RunError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{path} is damaged ({error}); remove the run or copy it again") from None
