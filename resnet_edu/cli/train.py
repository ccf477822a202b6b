"""`resnet-edu train` and `resnet-edu resume`: one training, by this process or by all of torchrun's.

From here to the optimiser's step it is nine frames: `main`, `_train`, `_run`, `workers.train.train_run`, then
the bench's `train` (a generator), `next_chunk`, `run_steps`, `update` and the optimiser's `step`.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from resnet_edu.cli.common import (
    Commands,
    add_data_dir,
    add_shelf,
    console,
    gentle_interrupt,
    last_error,
    shelf_of,
    use_data_dir,
)
from resnet_edu.cli.interrupts import exit_on_interrupt
from resnet_edu.experiment import Experiment, budgets, settings_help
from resnet_edu.experiment.folder import resolved
from resnet_edu.experiment.spec import SpecError
from resnet_edu.host import cores
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, RunError
from resnet_edu.runs.compute import MOST_THREADS
from resnet_edu.runs.run import TEN_CROPS

if TYPE_CHECKING:
    from resnet_edu.training import StepChunk
    from resnet_edu.training.distributed import SingleProcess

EPILOG = """NAME is plain-N, resnet-N, dense-plain-N or dense-resnet-N; `resnet-edu net --help` has the rest.
Every setting has a flag, in full (--recipe.lr 0.05) or, where it is unambiguous, short (--lr 0.05)."""


def add(commands: Commands) -> None:
    train = commands.add_parser("train", help="train one net", epilog=EPILOG)
    train.add_argument("--budget", help=f"start from a named budget: {', '.join(budgets.NAMES)}")
    train.add_argument("--experiment", metavar="FILE", help="start from an experiment's JSON file")
    _add_settings(train)
    train.add_argument(
        "--again", action="store_true", help="a new attempt, if the experiment was trained before"
    )
    train.add_argument(
        "--grad-checkpointing",
        action="store_true",
        help="recompute activations inside the units: less memory, the same numbers, more time",
    )
    older = argparse.SUPPRESS  # names from before, which still work
    train.add_argument("--checkpointed", dest="grad_checkpointing", action="store_true", help=older)
    train.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="torch.compile, or not (default: measured, where a run is long enough to repay it)",
    )
    _add_running(train)
    train.set_defaults(run=_train)
    add_resume(commands)


def add_resume(commands: Commands) -> None:
    """`resnet-edu resume NAME`, which is `resnet-edu runs resume NAME` too."""
    resume = commands.add_parser("resume", help="train a stopped run on")
    resume.add_argument("name", help="the run's name, or a part of it that no other has")
    _add_running(resume)
    resume.set_defaults(run=_resume)


def _add_settings(command: argparse.ArgumentParser) -> None:
    names = settings_help()
    short = [name.rsplit(".", 1)[-1] for name in names]
    group = command.add_argument_group("settings")
    for name, text in names.items():
        last = name.rsplit(".", 1)[-1]
        flags = [f"--{name}"] + ([f"--{last}"] if "." in name and short.count(last) == 1 else [])
        if text:
            shown = text.replace("%", "%%")
            group.add_argument(*flags, dest=f"set:{name}", metavar=last.upper(), help=shown)


def _add_running(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    command.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="on a CPU (default: 1; long runs measure whether all cores help)",
    )
    command.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that decode photographs (default: 1; for a GPU one a core, up to 16)",
    )
    command.add_argument("--every-step", action="store_true", help="record layer norms at every step")
    keep, older = "--keep-weights", argparse.SUPPRESS
    command.add_argument(
        keep, type=int, default=1, metavar="N", help="keep the weights of N log-spaced steps"
    )
    command.add_argument("--checkpoints", dest="keep_weights", type=int, default=older, help=older)
    command.add_argument(
        "--sync-batchnorm",
        action="store_true",
        help="under torchrun on CUDA: batch statistics of the whole batch, not of each process's share",
    )
    add_shelf(command)
    add_data_dir(command)


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Budget or file first, then the flags on top; raises `SpecError`."""
    flags = {
        name[4:]: value
        for name, value in vars(options).items()
        if name.startswith("set:") and value is not None
    }
    if data := flags.get("data", ""):
        kind, _, path = data.partition(":")
        flags["data"] = kind
        if path:
            flags["data.path"] = path
    base: dict[str, str] = {}
    if options.experiment:
        base = _read(options.experiment).to_query()
    elif options.budget:
        net = flags.pop("net", budgets.get(options.budget).net)
        base = budgets.at(options.budget, net, 0).to_query()
    kept = {name: value for name, value in base.items() if name not in flags}  # the last "net" in order wins
    with console.status("Reading the photographs that name the folder …") as shown:

        def on_progress(done: int, of: int) -> None:
            shown.update(f"Checking the photographs: {done:,} of {of:,} …")

        return resolved(Experiment.from_query(kept | flags), on_progress)


def _read(path: str) -> Experiment:
    try:
        return Experiment.from_json(Path(path).read_text("utf-8"))
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"--experiment {path}: {why}") from None


@contextmanager
def _processes(options: argparse.Namespace) -> Iterator[SingleProcess]:
    """All processes that torchrun has started, or this one alone. Only process 0 has a shelf and prints."""
    with exit_on_interrupt():  # torch takes seconds
        from resnet_edu.training.distributed import join_process_group
        from resnet_edu.workers import train  # noqa: F401

    with join_process_group(sync_batchnorm=options.sync_batchnorm) as processes:
        try:
            yield processes
        finally:
            if processes.world_size > 1:  # torchrun stops all when one fails; this one has to report it first
                signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _follow(options: argparse.Namespace, processes: SingleProcess) -> int:
    """Trains with process 0 until that one stops, which alone reacts to signals."""
    from resnet_edu.workers.train import follow_run

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    use_data_dir(options)
    follow_run(processes, options.workers)
    return 0


def _train(options: argparse.Namespace) -> int:
    with _processes(options) as processes:
        if processes.rank:
            return _follow(options, processes)
        request = _request(options, processes)
        shelf, experiment = shelf_of(options), experiment_of(options)
        processes.batch_split(experiment.recipe.batch)  # raises where it cannot be shared
        latest = shelf.latest(experiment)
        complete = latest is not None and latest.status().complete
        if latest is not None and complete and not options.again:
            console.print(f"{latest.name} is trained already: {_result(latest)}")
            console.print("--again trains it again, as another attempt.")
            return 0
        return _run(shelf.get_or_create(experiment, again=complete), request, processes)


def _resume(options: argparse.Namespace) -> int:
    with _processes(options) as processes:
        if processes.rank:
            return _follow(options, processes)
        request = _request(options, processes)
        run = shelf_of(options).find(options.name)
        processes.batch_split(run.experiment.recipe.batch)
        if run.status().complete:
            raise RunError(f"{run.name} is {run.status().state}; there is nothing to resume")
        return _run(run, request, processes)


def _request(options: argparse.Namespace, processes: SingleProcess) -> ComputeRequest:
    """How the flags want it computed; checked before any run is made. Raises `SpecError`."""
    from resnet_edu.training import devices

    use_data_dir(options)
    if options.threads is not None and not 1 <= options.threads <= MOST_THREADS:
        raise SpecError(f"threads is {options.threads}; allowed: 1 … {MOST_THREADS}")
    if options.workers is not None and not 0 <= options.workers <= 256:
        raise SpecError(f"workers is {options.workers}; allowed: 0 … 256")
    share = max(1, cores() // processes.local_world_size)
    compile = getattr(options, "compile", None)  # `resume` has no such flag
    if options.device is not None or processes.world_size > 1:
        processes.local_device(devices.resolve_device(options.device))
    if processes.world_size > 1 and compile:
        raise SpecError("--compile: what several processes train is not compiled")
    return ComputeRequest(
        device=options.device,
        threads=(options.threads,) if options.threads else tuple(dict.fromkeys((1, share))),
        workers=options.workers,
        compile=compile,
        grad_checkpointing=getattr(options, "grad_checkpointing", False),
        recording=RecordingConfig(options.every_step, options.keep_weights),
    )


def _run(run: Run, request: ComputeRequest, processes: SingleProcess) -> int:
    from resnet_edu.workers.train import train_run

    console.print(f"{run.name}\n{run.path}", markup=False)
    steps, text = TextColumn("{task.completed}/{task.total} steps"), TextColumn("{task.description}")
    columns = (BarColumn(), steps, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), text)
    together = processes.world_size > 1
    message = "Stopping after the present steps; Ctrl-C again stops at once."
    with (
        gentle_interrupt(message, signal.SIGTERM) as should_continue,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("getting ready", total=run.experiment.recipe.steps)
        state = train_run(
            run,
            request,
            processes=processes,
            on_chunk=lambda chunk: _show(progress, task, chunk),
            should_continue=should_continue,
        )
    console.print(_result(run))
    if state == "stopped":
        console.print(f"Continue with: resnet-edu resume {run.name}", markup=False)
    # torchrun restarts processes that end with another status than 0.
    return {"done": 0, "stopped": 0 if together else should_continue.exit_status}.get(state, 1)


def _show(progress: Progress, task: TaskID, chunk: StepChunk) -> None:
    text = f"loss {chunk.steps[-1].loss:.3f}" if chunk.steps else ""
    progress.update(task, completed=chunk.step, description=text)
    for row in (each.to_dict() for each in chunk.evals):
        progress.console.print(
            f"step {row['step']:>6}: training error {row['train_error']:.2f} %, test error "
            f"{row['test_error']:.2f} % (of {row['images']:,} training images)"
        )
        if (error := row.get(TEN_CROPS)) is not None:
            progress.console.print(f"step {row['step']:>6}: test error with ten crops an image {error:.2f} %")


def _result(run: Run) -> str:
    status = run.status()
    text = f"{status.state} at step {status.step} of {status.steps} after {status.seconds:.1f} s of training"
    error = last_error(run)
    return (
        text
        + (f": {status.message}" if status.message else "")
        + (f"; training error {error}" if error else "")
    )
