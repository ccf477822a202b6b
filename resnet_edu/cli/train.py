"""`resnet-edu train` and `resnet-edu resume`: one training, by this process or by all of torchrun's."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from resnet_edu.cli.common import (
    add_data_dir,
    add_shelf,
    console,
    gentle_interrupt,
    last_error,
    shelf_of,
    use_data_dir,
)
from resnet_edu.experiment import Experiment, budgets, settings_help
from resnet_edu.experiment.folder import resolved
from resnet_edu.experiment.spec import SpecError
from resnet_edu.host import cores
from resnet_edu.runs import Run, RunError
from resnet_edu.runs.run import TEN_CROPS

if TYPE_CHECKING:
    from resnet_edu.training.distributed import SingleProcess

EPILOG = """NAME is plain-N, resnet-N, dense-plain-N or dense-resnet-N; `resnet-edu net --help` has the rest.
Every setting has a flag, in full (--recipe.lr 0.05) or, where it is unambiguous, short (--lr 0.05)."""


def add(commands) -> None:
    train = commands.add_parser("train", help="train one net", epilog=EPILOG)
    train.add_argument("--budget", help=f"start from a named budget: {', '.join(budgets.NAMES)}")
    train.add_argument("--experiment", metavar="FILE", help="start from an experiment's JSON file")
    _add_settings(train)
    train.add_argument(
        "--again", action="store_true", help="a new attempt, if the experiment was trained before"
    )
    train.add_argument(
        "--checkpointed",
        action="store_true",
        help="keep only what goes from unit to unit: less memory, the same numbers, more time",
    )
    train.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="torch.compile, or not (default: measured, where a run is long enough to repay it)",
    )
    _add_running(train)
    train.set_defaults(run=_together(_train))
    add_resume(commands)


def add_resume(commands) -> None:
    """`resnet-edu resume NAME`, which is `resnet-edu runs resume NAME` too."""
    resume = commands.add_parser("resume", help="train a stopped run on")
    resume.add_argument("name", help="the run's name, or a part of it that no other has")
    _add_running(resume)
    resume.set_defaults(run=_together(_resume))


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
    command.add_argument(
        "--checkpoints", type=int, default=1, metavar="N", help="keep weights at N log-spaced steps"
    )
    command.add_argument(
        "--sync-batchnorm",
        action="store_true",
        help="under torchrun on CUDA: batch statistics of the whole batch, not of each process's share",
    )
    add_shelf(command)
    add_data_dir(command)


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Budget or file first, then the flags on top; raises `SpecError`."""
    told = {
        name[4:]: value
        for name, value in vars(options).items()
        if name.startswith("set:") and value is not None
    }
    if data := told.get("data", ""):
        kind, _, path = data.partition(":")
        told["data"] = kind
        if path:
            told["data.path"] = path
    base: dict[str, str] = {}
    if options.experiment:
        base = _read(options.experiment).to_query()
    elif options.budget:
        net = told.pop("net", budgets.get(options.budget).net)
        base = budgets.at(options.budget, net, 0).to_query()
    kept = {name: value for name, value in base.items() if name not in told}  # told last, so that it wins
    with console.status("Reading the photographs that name the folder …"):
        return resolved(Experiment.from_query(kept | told))


def _read(path: str) -> Experiment:
    try:
        return Experiment.from_json(Path(path).read_text("utf-8"))
    except (ValueError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"--experiment {path}: {said}") from None


def _together(
    command: Callable[[argparse.Namespace, SingleProcess], int],
) -> Callable[[argparse.Namespace], int]:
    """The command by all processes that torchrun has started; process 0 alone has shelf and screen."""

    def run(options: argparse.Namespace) -> int:
        from resnet_edu.training.distributed import join_process_group

        with join_process_group(sync_batchnorm=options.sync_batchnorm) as processes:
            try:
                return (_follow if processes.rank else command)(options, processes)
            finally:
                if (
                    processes.world_size > 1
                ):  # of which one has failed, perhaps: the reason is still to be said
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    return run


def _follow(options: argparse.Namespace, processes: SingleProcess) -> int:
    """Stops when process 0 does: a signal that all of them get is for that one to heed."""
    from resnet_edu.workers.train import follow_run

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    use_data_dir(options)
    follow_run(processes, options.workers)
    return 0


def _train(options: argparse.Namespace, processes: SingleProcess) -> int:
    how = _how(options, processes)
    shelf, experiment = shelf_of(options), experiment_of(options)
    processes.batch_split(experiment.recipe.batch)  # raises where it cannot be shared
    latest = shelf.latest(experiment)
    complete = latest is not None and latest.status().complete
    if latest is not None and complete and not options.again:
        console.print(f"{latest.name} is trained already: {_result(latest)}")
        console.print("--again trains it anew, as another attempt.")
        return 0
    return _run(shelf.place(experiment, again=complete), how)


def _resume(options: argparse.Namespace, processes: SingleProcess) -> int:
    how = _how(options, processes)
    run = shelf_of(options).find(options.name)
    processes.batch_split(run.experiment.recipe.batch)
    if run.status().complete:
        raise RunError(f"{run.name} is {run.status().state}; there is nothing to resume")
    return _run(run, how)


def _how(options: argparse.Namespace, processes: SingleProcess) -> dict[str, Any]:
    """What `train_run` is told; checked before any run is made. Raises `SpecError`."""
    from resnet_edu.training import Recording, devices

    use_data_dir(options)
    if options.threads is not None and not 1 <= options.threads <= 1024:
        raise SpecError(f"threads is {options.threads}; allowed: 1 … 1024")
    if options.workers is not None and not 0 <= options.workers <= 256:
        raise SpecError(f"workers is {options.workers}; allowed: 0 … 256")
    share = max(1, cores() // processes.local_world_size)
    threads = (options.threads,) if options.threads else tuple(dict.fromkeys((1, share)))
    if options.device is not None or processes.world_size > 1:
        processes.local_device(devices.resolve_device(options.device))
    if processes.world_size > 1 and getattr(options, "compile", None):
        raise SpecError("--compile: what several processes train is not compiled")
    recording = Recording(every_step=options.every_step, checkpoints=options.checkpoints)
    how = {"device": options.device, "threads": threads, "workers": options.workers, "recording": recording}
    how |= {"processes": processes}
    return how | {name: getattr(options, name) for name in ("checkpointed", "compile") if name in options}


def _run(run: Run, how: dict[str, Any]) -> int:
    from resnet_edu.workers.train import train_run

    console.print(f"{run.name}\n{run.path}", markup=False)
    steps, said = TextColumn("{task.completed}/{task.total} steps"), TextColumn("{task.description}")
    columns = (BarColumn(), steps, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), said)
    together = how["processes"].world_size > 1
    message = "Stopping after the present steps; Ctrl-C again stops at once."
    with (
        gentle_interrupt(message, *([signal.SIGTERM] if together else [])) as wanted,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("getting ready", total=run.experiment.recipe.steps)
        state = train_run(run, **how, watch=lambda block: _show(progress, task, block), wanted=wanted)
    console.print(_result(run))
    if state == "stopped":
        console.print(f"Continue with: resnet-edu resume {run.name}", markup=False)
    # torchrun starts anew what ends with another status than 0.
    return {"done": 0, "stopped": 0 if together else 130}.get(state, 1)


def _show(progress: Progress, task: TaskID, block) -> None:
    said = f"loss {block.steps[-1].loss:.3f}" if block.steps else ""
    progress.update(task, completed=block.step, description=said)
    for row in (each.to_dict() for each in block.evals):
        progress.console.print(
            f"step {row['step']:>6}: training error {row['train_error']:.2f} %, test error "
            f"{row['test_error']:.2f} % (of {row['images']:,} training images)"
        )
        if (error := row.get(TEN_CROPS)) is not None:
            progress.console.print(f"step {row['step']:>6}: test error with ten crops an image {error:.2f} %")


def _result(run: Run) -> str:
    status = run.status()
    said = f"{status.state} at step {status.step} of {status.steps} after {status.seconds:.1f} s of training"
    error = last_error(run)
    return (
        said
        + (f": {status.message}" if status.message else "")
        + (f"; training error {error}" if error else "")
    )
