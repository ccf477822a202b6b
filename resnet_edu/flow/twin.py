"""Finding a run by name among the user's own and the recorded ones, and its twin beside it."""

from __future__ import annotations

from resnet_edu.flow.data import FlowError
from resnet_edu.runs import Run, RunError, Shelf, default_shelf, recorded


def find_run(name: str, shelf: Shelf | None = None) -> Run:
    """The run of this name, or the only one whose name contains it: on the shelf (by default the
    user's), else among the recorded runs. Raises `RunError`, which names the candidates."""
    own = shelf if shelf is not None else Shelf(default_shelf())
    named = [run for run in own.runs() if name in run.name]
    if named:
        return own.find(name)
    try:
        return recorded().find(name)
    except RunError as error:
        if "could be" in str(error):
            raise
        raise RunError(
            f"no run is called {name!r}, neither in {own.path} nor among the recorded ones; "
            "`resnet-edu runs` and `resnet-edu runs --recorded` list them"
        ) from None


def find_twin(run: Run, shelf: Shelf | None = None) -> Run | None:
    """The newest run of the twin's experiment: beside the run, then on the shelf, then recorded."""
    try:
        twin = run.experiment.twin()
    except RunError as error:
        raise FlowError(f"{run.name} is damaged: {error}") from None
    own = shelf if shelf is not None else Shelf(default_shelf())
    places = [Shelf(run.path.parent), own, recorded()]
    return next((found for place in places if (found := place.latest(twin)) is not None), None)


def find_twins(name: str, twin: str | None = None, shelf: Shelf | None = None) -> tuple[Run, Run | None]:
    """The run of this name, and the run named `twin` or, without one, its twin if there is one."""
    run = find_run(name, shelf)
    return run, find_run(twin, shelf) if twin else find_twin(run, shelf)
