"""The room that joins bench and desk: trains experiments into runs; `answering` answers probes.

`python -m resnet_edu.worker SHELF SLOT` is a worker process (see `jobs`); `train_run` does the same
in the process that calls it, which is what `resnet-edu train` and a GPU machine use.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from resnet_edu import answering, data, jobs, nets, training
from resnet_edu.experiment import Experiment
from resnet_edu.provenance import commit as _commit
from resnet_edu.runs import Run, RunBusy, RunError, RunWriter, Shelf, files
from resnet_edu.training import Block, Recording

LOOK_SECONDS = 0.05
CHECKPOINT_SECONDS = 5.0
STOPPED = "stopped; it can be resumed"


def train_run(
    run: Run,
    *,
    device: str | None = None,
    threads: int = 1,
    checkpointed: bool = False,
    recording: Recording = Recording(),
    watch: Callable[[Block], None] = lambda block: None,
    wanted: Callable[[], bool] = lambda: True,
) -> str:
    """Train the run from where it is to its end; returns the state it was left in.

    Stops after the present block once `wanted()` is false or `run.stop()` was called, and can then
    be resumed to the bit, with the device, threads and recording that it was begun with. With
    `checkpointed` it needs less memory and more time, and gives the same numbers. Raises
    `RunBusy`; what cannot be trained is left as 'failed' with the reason, and raised.
    """
    with RunWriter(run) as writer:
        if run.status().complete:  # somebody else ended it while this process was starting
            return run.status().state
        writer.unstop()
        torch.set_num_threads(threads)
        told = {"checkpointed": checkpointed, "recording": dataclasses.asdict(recording)}
        return _train_or_say_why(writer, device, told, watch, wanted)


def _train_or_say_why(writer: RunWriter, *arguments: Any) -> str:
    try:
        return _train(writer, *arguments)
    except Exception as error:
        at = writer.run.status()
        writer.status("failed", at.step, at.seconds, str(error))
        raise


def _train(writer: RunWriter, device: str | None, told: Mapping[str, Any], watch, wanted) -> str:
    run, at = writer.run, writer.run.status()
    writer.status("running", at.step, at.seconds)  # whoever dies from here on leaves an interrupted run
    images, how = _prepared(run, device, told)
    recording = Recording(**how["recording"])
    begun = writer.begin(how)
    resume = None
    seconds = 0.0
    if begun is not None:
        tensors, facts = begun
        resume = {name: torch.from_numpy(array) for name, array in tensors.items()}, facts
        seconds = facts["seconds"]
        writer.status("running", facts["step"], seconds)
    saved = time.monotonic()
    for block in training.train(run.experiment, images, how, recording=recording, resume=resume):
        seconds = block.seconds
        _write(writer, block)
        watch(block)
        if block.diverged is not None:
            writer.status("diverged", block.step, seconds, str(block.diverged))
            return "diverged"
        stop = not (wanted() and writer.wanted())
        if block.step and (stop or time.monotonic() - saved > CHECKPOINT_SECONDS):
            tensors = {name: tensor.numpy() for name, tensor in block.state().items()}
            writer.checkpoint(tensors, step=block.step, seconds=seconds)
            saved = time.monotonic()
        if stop:
            writer.status("stopped", block.step, seconds, STOPPED)
            return "stopped"
    writer.finish(seconds)
    return "done"


def _write(writer: RunWriter, block: Block) -> None:
    if block.norms is not None:
        writer.append_norms(block.norms.numpy())
    writer.append(block.steps, block.evals, block.blocks)
    if block.weights_due:
        state = block.state()
        net = {name.removeprefix("net."): t.numpy() for name, t in state.items() if name.startswith("net.")}
        writer.keep_weights(block.step, net)
    writer.status("running", block.step, block.seconds)


def _prepared(run: Run, device: str | None, told: Mapping[str, Any]) -> tuple[data.DataSet, dict[str, Any]]:
    """Images on the device, and how to compute and record: as the run was begun, else as told and chosen."""
    experiment, how = run.experiment, run.how
    try:
        device = training.devices.checked(how.get("device") or device)
    except training.DeviceError as error:
        raise training.DeviceError(f"{run.name}: {error}") from None
    images = data.load(experiment.data, device=device)
    shape = {"channels": images.channels, "side": images.side, "classes": images.classes}
    layers = [name for name, _ in nets.layers(nets.assemble(experiment.net, **shape))]
    if not how:
        how = _choice(run.path.parent / files.CHOICES, experiment, shape, device)
        how |= {"layers": layers, "commit": _commit(), **told}
    if how.get("layers") != layers:
        raise RunError(f"{run.path / files.HOW} names other layers than the net has; train the run anew")
    how = {**told, **how}
    training.apply(how)
    return images, how


def _choice(path: Path, experiment: Experiment, shape: dict[str, int], device: str) -> dict[str, Any]:
    """How to compute; what is measured for it is kept beside the runs, and measured by one worker."""
    with FileLock(path.with_suffix(".lock")):
        known = files.read_json(path) if path.exists() else {}
        measured = set(known)
        how = training.choose(experiment, **shape, device=device, known=known)
        if set(known) != measured:
            files.write_json(path, known)
    return how


def serve(shelf: Shelf, slot: str, idle_seconds: float) -> None:
    """Work off wishes until there has been none for so long. Returns at once if the slot is taken."""
    try:
        with jobs.slot_lock(shelf, slot).acquire(timeout=1):  # whoever looks for us holds it for an instant
            idle_since = time.monotonic()
            while time.monotonic() - idle_since < idle_seconds:
                if any(_take(shelf, wish, slot) for wish in jobs.wishes(shelf)):
                    idle_since = time.monotonic()
                else:
                    time.sleep(LOOK_SECONDS)
    except Timeout:
        return


def _take(shelf: Shelf, wish: Mapping[str, Any], slot: str) -> bool:
    """Work on the wish if this worker can; True if it did."""
    if "probe" in wish:
        return slot == jobs.who_answers(wish["probe"]) and answering.see_to(wish)
    return slot not in (jobs.ANSWERS, jobs.LONG) and _train_wish(shelf, wish)


def _train_wish(shelf: Shelf, wish: Mapping[str, Any]) -> bool:
    try:
        run = Run(shelf.path / wish["run"])
        if run.busy():
            return False
        with _lane(shelf, run), RunWriter(run) as writer:
            if wish["wish"].exists() and not run.status().complete:  # not worked off while we waited
                _train_or_give_up(writer, wish)
            jobs.fulfilled(wish)
    except (RunBusy, Timeout):
        return False
    except RunError:
        jobs.fulfilled(wish)  # the run was removed, or its files are beyond repair
        traceback.print_exc()
    return True


def _train_or_give_up(writer: RunWriter, wish: Mapping[str, Any]) -> None:
    if not jobs.another_try(wish):
        at = writer.run.status()
        why = f"given up after {jobs.TRIES} tries: the process that trained it died each time"
        writer.status("failed", at.step, at.seconds, why)
        return
    try:
        told = {"recording": wish["recording"]}
        _train_or_say_why(writer, None, told, lambda block: None, lambda: True)
    except Exception:
        traceback.print_exc()  # the run says it in a line; the log has the whole story


def _lane(shelf: Shelf, run: Run) -> FileLock:
    """A GPU takes one training at a time; on the CPU every worker has a lane of its own."""
    device = run.how.get("device") or training.devices.available()[0]
    lane = device.replace(":", "-") if not device.startswith("cpu") else f"cpu-{os.getpid()}"
    return FileLock(shelf.path / jobs.QUEUE / f"lane-{lane}.lock", timeout=0)


def main(shelf: str, slot: str) -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    torch.set_num_threads(1)
    # Who answers stays longer: a reader looks at a map before asking for the next.
    serve(Shelf(shelf), slot, jobs.idle_seconds() * (10 if slot == jobs.ANSWERS else 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
