"""Train an experiment into its run, in the process that calls `train_run`.

That is what `resnet-edu train` and a GPU machine use; worker processes do the same (see `process`).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from resnet_edu import data, nets, training
from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.host import commit as _commit
from resnet_edu.runs import Run, RunError, RunWriter, files
from resnet_edu.training import Checkpoint, ComputeChoice, Recording, StepChunk
from resnet_edu.training.distributed import SingleProcess
from resnet_edu.workers import choices

CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.01  # of the time goes into checkpoints, which of a large net are hundreds of megabytes
STOPPED = "stopped; it can be resumed"
MEASURING = "measuring how this machine computes it quickest"


def train_run(
    run: Run,
    *,
    device: str | None = None,
    threads: Sequence[int] = (1,),
    workers: int | None = None,
    compile: bool | None = None,
    checkpointed: bool = False,
    measured: Path | None = None,
    processes: SingleProcess = SingleProcess(),
    recording: Recording = Recording(),
    watch: Callable[[StepChunk], None] = lambda block: None,
    wanted: Callable[[], bool] = lambda: True,
) -> str:
    """Train the run from where it is to its end; returns the state it was left in.

    Stops after the present block once `wanted()` is false or `run.stop()` was called, and can then
    be resumed to the bit, computed and recorded as it was begun. How a new run is computed is chosen by
    measurement, among the numbers of `threads` and with or without compilation unless `compile` says
    which (see `training.choose`); what was measured is kept for this machine, or in `measured`. With
    `checkpointed` it needs less memory and more time, and gives the same numbers. So many `workers`
    decode photographs, by default as many as pay; they change no number, either. Several `processes`
    share every batch, and this one leads them (see `follow_run`). Raises `RunBusy`; what
    cannot be trained is left as 'failed' with the reason, and raised.
    """
    with RunWriter(run) as writer:
        if run.status().complete:  # somebody else ended it while this process was starting
            return run.status().state
        writer.unstop()
        asked: dict[str, Any] = {"device": device, "threads": threads, "workers": workers, "path": measured}
        asked |= {"compile": compile if processes.world_size == 1 else False}
        told = {"checkpointed": checkpointed, "recording": dataclasses.asdict(recording)}
        return train_or_say_why(writer, asked, told, watch, wanted, processes=processes)


def follow_run(processes: SingleProcess, workers: int | None = None) -> None:
    """Take part in what process 0 trains, with this machine's own data, until there is no more."""
    with processes.peer_errors():
        while (told := processes.broadcast_object()) is not None:
            how = told["how"] | {
                "device": processes.local_device(training.devices.resolve_device(told["how"]["device"]))
            }
            experiment = data.with_local_folder(Experiment.from_json(told["experiment"]))
            training.configure_torch(ComputeChoice.from_dict(how))
            images = data.load(experiment.data, device=how["device"], workers=workers)
            training.follow(experiment, images, ComputeChoice.from_dict(how), processes)


def train_or_say_why(writer: RunWriter, *arguments: Any, processes: SingleProcess = SingleProcess()) -> str:
    try:
        with processes.peer_errors():
            return _train(writer, *arguments, processes=processes)
    except ConnectionError as error:
        at = writer.run.status()
        writer.status("stopped", at.step, at.seconds, f"{error}; it can be resumed")
        raise
    except Exception as error:
        at = writer.run.status()
        writer.status("failed", at.step, at.seconds, str(error))
        raise


def _train(
    writer: RunWriter, asked: Mapping, told: Mapping, watch, wanted, *, processes: SingleProcess
) -> str:
    run, at = writer.run, writer.run.status()
    measures = not run.how and run.experiment.recipe.steps >= training.WORTH_MEASURING
    # Whoever dies from here on leaves an interrupted run.
    writer.status("running", at.step, at.seconds, MEASURING if measures else "")
    shared = processes.batch_split(run.experiment.recipe.batch)
    images, how = _prepared(run, asked, told, processes)
    recording = Recording(**how["recording"])
    begun = writer.begin(how)
    resume, step, seconds = None, 0, 0.0
    if begun is not None:
        tensors, facts = begun
        state = {name: torch.from_numpy(array) for name, array in tensors.items()}
        resume = Checkpoint(state, facts["step"], facts["seconds"])
        step, seconds = facts["step"], facts["seconds"]
        writer.status("running", step, seconds)
    _note_shares(writer, how, shared, step)
    processes.broadcast_object({"experiment": run.experiment.to_json(), "how": how})
    more: dict[str, Any] = {"recording": recording, "resume": resume, "processes": processes}
    with closing(training.train(run.experiment, images, ComputeChoice.from_dict(how), **more)) as blocks:
        return _written(writer, blocks, seconds, watch, wanted)


def _note_shares(writer: RunWriter, how: Mapping[str, Any], now: Mapping[str, int], step: int) -> None:
    """Other shares of a batch have other batch statistics: how.json says of how many images they were, by
    how many processes, and from which step on. Runs of one process, which has whole batches, need no word."""
    whole = {"from_step": 0} | SingleProcess().batch_split(writer.run.experiment.recipe.batch)
    before = [row for row in how.get("shares", [whole]) if row["from_step"] < step]
    shares = before if before and now.items() <= before[-1].items() else [*before, {"from_step": step, **now}]
    if shares != how.get("shares", [whole]):
        writer.how({**how, "shares": shares})


def _written(writer: RunWriter, blocks: Iterator[StepChunk], seconds: float, watch, wanted) -> str:
    saved, took = time.monotonic(), 0.0
    for block in blocks:
        seconds = block.seconds
        _write(writer, block)
        watch(block)
        if block.diverged is not None:
            writer.status("diverged", block.step, seconds, str(block.diverged))
            return "diverged"
        stop = not (wanted() and writer.wanted())
        began = time.monotonic()
        if block.step and (stop or began - saved > CHECKPOINT_SECONDS + took / CHECKPOINT_SHARE):
            tensors = {name: tensor.numpy() for name, tensor in block.state_dict().items()}
            writer.checkpoint(tensors, step=block.step, seconds=seconds)
            saved = time.monotonic()
            took = saved - began
        if stop:
            writer.status("stopped", block.step, seconds, STOPPED)
            return "stopped"
    writer.finish(seconds)
    return "done"


def _write(writer: RunWriter, block: StepChunk) -> None:
    if not block.resolved.items() <= (how := writer.run.how).items():
        writer.how(how | block.resolved)
    if block.norms is not None:
        writer.append_norms(block.norms.numpy())
    writer.append(*([row.to_dict() for row in rows] for rows in (block.steps, block.evals, block.units)))
    if block.weights_due:
        state = block.state_dict()
        net = {name.removeprefix("net."): t.numpy() for name, t in state.items() if name.startswith("net.")}
        writer.keep_weights(block.step, net)
    writer.status("running", block.step, block.seconds)


def _prepared(
    run: Run, asked: Mapping[str, Any], told: Mapping[str, Any], processes: SingleProcess
) -> tuple[data.DataSet, dict[str, Any]]:
    """Images on the device, and how to compute and record: as the run was begun, else as told and chosen."""
    experiment, how = run.experiment, run.how
    try:
        device = processes.local_device(training.devices.resolve_device(how.get("device") or asked["device"]))
    except training.DeviceError as error:
        raise training.DeviceError(f"{run.name}: {error}") from None
    if isinstance(experiment.data, ImageFolder) and not experiment.data.digest:
        raise RunError(
            f"{run.name}: data.digest is empty, so it could be any folder; `jobs.submit` fills it in"
        )
    asked = dict(asked)
    images = data.load(experiment.data, device=device, workers=asked.pop("workers", None))
    shape = {"channels": images.channels, "side": images.side, "classes": images.classes}
    layers = [name for name, _ in nets.layers(nets.assemble(experiment.net, **shape))]
    if not how:
        how = choices.choose(experiment, **{**asked, **shape, "device": device})
        how |= {"layers": layers, "commit": _commit(), **told}
    if how.get("layers") != layers:
        raise RunError(f"{run.path / files.HOW} names other layers than the net has; train the run anew")
    how = {**told, **how, "device": device}
    training.configure_torch(ComputeChoice.from_dict(how))
    return images, how
