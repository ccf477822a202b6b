"""`resnet-edu train`: one training, by this process or by all of torchrun's.

From here to the optimiser's step it is nine frames: `main`, `_train`, `run_to_end`,
`workers.train.train_run`, then the bench's `train` (a generator), `next_chunk`, `run_steps`, `update` and the
optimiser's `step`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from resnet_edu.cli.common import Commands, path, shelf_of
from resnet_edu.cli.running import add_running, all_processes, follow, request_of, result, run_to_end
from resnet_edu.cli.terminal import say, waiting
from resnet_edu.experiment import Experiment, budgets, settings_help
from resnet_edu.experiment.folder import left_out, resolved
from resnet_edu.runs import RunError

EPILOG = """NAME is plain-N, resnet-N, dense-plain-N or dense-resnet-N; `resnet-edu net --help` has the rest.
Every setting has a flag, in full (--recipe.lr 0.05) or, where it is unambiguous, short (--lr 0.05)."""


def add(commands: Commands) -> None:
    train = commands.add_parser("train", help="train one net", epilog=EPILOG)
    train.add_argument("--budget", help=f"start from a named budget: {', '.join(budgets.NAMES)}")
    train.add_argument("--experiment", type=path, metavar="FILE", help="start from an experiment's JSON file")
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
    add_running(train, keep_weights=1)
    train.set_defaults(run=_train)


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


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Budget or file first, then the flags on top; raises `SpecError`."""
    flags = {
        name[4:]: value
        for name, value in vars(options).items()
        if name.startswith("set:") and value is not None
    }
    if data := flags.get("data", ""):
        kind, _, folder = data.partition(":")
        flags["data"] = kind
        if folder:
            flags["data.path"] = folder
    base: dict[str, str] = {}
    if options.experiment:
        base = _read(options.experiment).to_query()
    elif options.budget:
        net = flags.pop("net", budgets.get(options.budget).net)
        base = budgets.at(options.budget, net, 0).to_query()
    kept = {name: value for name, value in base.items() if name not in flags}  # the last "net" in order wins
    with waiting("Reading the photographs that name the folder …") as shown:

        def on_progress(done: int, of: int) -> None:
            shown.update(f"Checking the photographs: {done:,} of {of:,} …")

        return resolved(Experiment.from_query(kept | flags), on_progress)


def _read(file: Path) -> Experiment:
    try:
        return Experiment.from_json(file.read_text("utf-8"))
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"--experiment {file}: {why}") from None


def _train(options: argparse.Namespace) -> int:
    with all_processes(options) as processes:
        if processes.rank:
            return follow(options, processes)
        request = request_of(options, processes)
        shelf, experiment = shelf_of(options), experiment_of(options)
        processes.batch_split(experiment.recipe.batch)  # raises where it cannot be shared
        latest = shelf.latest(experiment)
        complete = latest is not None and latest.status().complete
        if unused := left_out(experiment.data):
            say(unused)
        run = shelf.get_or_create(experiment, again=complete and options.again)
        if complete and not options.again:
            say(f"{run.name} is trained already: {result(run)}")
            say("--again trains it again, as another attempt.")
            return 0
        return run_to_end(run, request, processes)
