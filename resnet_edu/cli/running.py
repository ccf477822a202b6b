"""What `train` and `resume` share: flags for how to compute, torchrun's processes, progress, the result."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from resnet_edu.cli.common import add_data_dir, add_shelf, gentle_interrupt, last_error, use_data_dir
from resnet_edu.cli.interrupts import exit_on_interrupt
from resnet_edu.cli.terminal import console, say
from resnet_edu.experiment.spec import SpecError
from resnet_edu.host import cores
from resnet_edu.runs import ComputeRequest, RecordingConfig, Run
from resnet_edu.runs.compute import MOST_THREADS, OVERRIDABLE
from resnet_edu.runs.run import TEN_CROPS

if TYPE_CHECKING:
    from resnet_edu.training import StepChunk
    from resnet_edu.training.distributed import SingleProcess


def add_running(command: argparse.ArgumentParser, *, keep_weights: int | None = None) -> None:
    """The flags for how to compute; `keep_weights` is the default of that flag."""
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
    command.add_argument(
        "--every-step",
        action=argparse.BooleanOptionalAction,
        help="record layer norms at every step, or not (default: at log-spaced ones)",
    )
    command.add_argument(
        "--keep-weights",
        type=int,
        default=keep_weights,
        metavar="N",
        help="keep the weights of N log-spaced steps (default: 1, the last)",
    )
    older = argparse.SUPPRESS
    command.add_argument("--checkpoints", dest="keep_weights", type=int, default=older, help=older)
    command.add_argument(
        "--sync-batchnorm",
        action="store_true",
        help="under torchrun on CUDA: batch statistics of the whole batch, not of each process's share",
    )
    add_shelf(command)
    add_data_dir(command)
    command.set_defaults(unset={"keep_weights": keep_weights, "grad_checkpointing": False})


@contextmanager
def all_processes(options: argparse.Namespace) -> Iterator[SingleProcess]:
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


def follow(options: argparse.Namespace, processes: SingleProcess) -> int:
    """Trains with process 0 until that one stops, which alone reacts to signals."""
    from resnet_edu.workers.train import follow_run

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    use_data_dir(options)
    follow_run(processes, options.workers)
    return 0


def request_of(options: argparse.Namespace, processes: SingleProcess) -> ComputeRequest:
    """How the flags want it computed; checked before any run is made. Raises `SpecError`.

    A run that was begun takes what has a flag from here, too.
    """
    from resnet_edu.training import devices

    use_data_dir(options)
    if options.threads is not None and not 1 <= options.threads <= MOST_THREADS:
        raise SpecError(f"threads is {options.threads}; allowed: 1 … {MOST_THREADS}")
    if options.workers is not None and not 0 <= options.workers <= 256:
        raise SpecError(f"workers is {options.workers}; allowed: 0 … 256")
    share = max(1, cores() // processes.local_world_size)
    given = {name: getattr(options, name, options.unset.get(name)) for name in OVERRIDABLE}
    if options.device is not None or processes.world_size > 1:
        processes.local_device(devices.resolve_device(options.device))
    if processes.world_size > 1 and given["compile"]:
        raise SpecError("--compile: what several processes train is not compiled")
    kept = 1 if options.keep_weights is None else options.keep_weights
    return ComputeRequest(
        device=options.device,
        threads=(options.threads,) if options.threads else tuple(dict.fromkeys((1, share))),
        workers=options.workers,
        compile=given["compile"],
        grad_checkpointing=bool(given["grad_checkpointing"]),
        recording=RecordingConfig(bool(options.every_step), kept),
        overrides=tuple(name for name, value in given.items() if value != options.unset.get(name)),
    )


def run_to_end(run: Run, request: ComputeRequest, processes: SingleProcess) -> int:
    """Train the run in this process, with a progress bar; returns the exit status."""
    from resnet_edu.workers.train import train_run

    say(run.name, run.path)
    steps = TextColumn("{task.completed}/{task.total} steps")
    text = TextColumn("{task.description}", markup=False)
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
    say(result(run))
    if state == "stopped":
        say(f"Continue with: resnet-edu resume {run.name}")
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


def result(run: Run) -> str:
    """How the run ended, as a line."""
    status = run.status()
    text = f"{status.state} at step {status.step} of {status.steps} after {status.seconds:.1f} s of training"
    error = last_error(run)
    return (
        text
        + (f": {status.message}" if status.message else "")
        + (f"; training error {error}" if error else "")
    )
