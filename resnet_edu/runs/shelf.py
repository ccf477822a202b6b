"""Shelves of runs: the user's own, written to; and the one that ships with the package, read-only."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from resnet_edu.experiment import Experiment
from resnet_edu.host import expanded, user_folder
from resnet_edu.runs import files
from resnet_edu.runs.files import RunError
from resnet_edu.runs.moved import placed
from resnet_edu.runs.run import Run

RECORDED = Path(__file__).parent.parent / "recorded"


def default_shelf() -> Path:
    """`RESNET_EDU_RUNS` when set, else the user's data folder."""
    from platformdirs import user_data_path

    return user_folder("RESNET_EDU_RUNS", lambda: user_data_path("resnet-edu", appauthor=False) / "runs")


class Shelf:
    """A folder of runs. An experiment's first run is named after it, further attempts ~2, ~3 …

    In its path, ~ and environment variables are replaced.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = expanded(path) if path is not None else default_shelf()

    def __repr__(self) -> str:
        return f"Shelf({str(self.path)!r})"

    def runs(self) -> list[Run]:
        """All runs, by name. Skips folders that are no runs."""
        if not self.path.exists():
            return []
        if not self.path.is_dir():
            raise RunError(f"{self.path} is no folder, so it holds no runs")
        return [Run(p) for p in sorted(self.path.iterdir()) if (p / files.EXPERIMENT).exists()]

    def find(self, name: str) -> Run:
        """The run of this name, or the only one whose name contains it; raises `RunError`."""
        named = [run for run in self.runs() if run.name == name]
        named = named or [run for run in self.runs() if name in run.name]
        if len(named) == 1:
            return named[0]
        if named:
            raise RunError(
                f"{name!r} could be {', '.join(run.name for run in named)}; write more of the name"
            )
        raise RunError(f"no run is called {name!r} in {self.path}; `resnet-edu runs` lists them")

    def attempts(self, experiment: Experiment) -> list[Run]:
        """The runs of exactly this experiment, oldest first."""
        found = [Run(p) for p in self.path.glob(f"*-{experiment.key}*") if (p / files.EXPERIMENT).exists()]
        return sorted(found, key=_attempt)

    def latest(self, experiment: Experiment) -> Run | None:
        attempts = self.attempts(experiment)
        return attempts[-1] if attempts else None

    def get_or_create(self, experiment: Experiment, *, again: bool = False) -> Run:
        """The experiment's newest run, made now if there is none, or another attempt if `again`.

        Where the experiment's folder of images is elsewhere than the run has it, the run takes that place.
        """
        attempts = self.attempts(experiment)
        if attempts and not again:
            return placed(attempts[-1], experiment)
        number = _attempt(attempts[-1]) + 1 if attempts else 1
        path = self.path / (experiment.name + (f"~{number}" if number > 1 else ""))
        path.mkdir(parents=True, exist_ok=True)
        if not (path / files.EXPERIMENT).exists():
            files.replace_file(path / files.EXPERIMENT, experiment.to_json().encode())
        return Run(path)

    def remove(self, run: Run) -> None:
        """Delete the run's folder; raises `RunError` while it is written, and for other shelves."""
        if run.path.parent != self.path:
            raise RunError(f"{run.name} is not in {self.path}")
        if run.busy():
            raise RunError(f"{run.name} is being trained; stop it first")
        shutil.rmtree(run.path)


def _attempt(run: Run) -> int:
    match = re.search(r"~(\d+)$", run.name)
    return int(match[1]) if match else 1


def recorded() -> Shelf:
    """The runs that ship with the package."""
    return Shelf(RECORDED)
