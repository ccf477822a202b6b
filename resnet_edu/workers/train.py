"""Train an experiment into its run, in the process that calls `train_run`.

The command line and a GPU machine use it directly; worker processes call it for each job (see `process`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch

from resnet_edu import data, nets, training
from resnet_edu.experiment import Experiment, ImageFolder
from resnet_edu.host import commit as _commit
from resnet_edu.runs import ComputeConfig, ComputeRequest, RecordingConfig, Run, RunError, RunWriter, files
from resnet_edu.runs.compute import BatchShare
from resnet_edu.runs.writer import Checkpoint
from resnet_edu.training import ComputeChoice, Recording, StepChunk
from resnet_edu.training.distributed import SingleProcess
from resnet_edu.workers import choices
from resnet_edu.workers.continuing import continued, device_for

CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.01  # of the time goes into checkpoints, which of a large net are hundreds of megabytes
STOPPED = "stopped; it can be resumed"
MEASURING = "measuring how this machine computes it quickest"


def train_run(
    run: Run,
    request: ComputeRequest = ComputeRequest(),
    *,
    measured: Path | None = None,
    processes: SingleProcess = SingleProcess(),
    writer: RunWriter | None = None,
    on_chunk: Callable[[StepChunk], None] = lambda chunk: None,
    should_continue: Callable[[], bool] = lambda: True,
) -> str:
    """Train the run from where it is to its end; returns the state it was left in ("done", "diverged" or
    "stopped").

    A stopped run can be resumed to the bit, computed and recorded as it was begun. Raises `RunBusy`; a run
    that cannot be trained is left as "failed" with the reason, and the error is raised.

    - `request`: how to compute a new run; what it leaves open is chosen by measurement (`training.choose`).
      Of a run that was begun it changes what its `overrides` name, and how.json notes from which step on.
    - `measured`: the file of those measurements; by default this machine's (see `choices`).
    - `processes`: all of torchrun's, which share every batch; this one leads them (see `follow_run`).
    - `writer`: a caller that holds the run's lock already passes its writer.
    - `on_chunk`: called with each chunk of steps, after its rows are written.
    - `should_continue`: once it is false, or `run.stop()` was called, training stops after the present chunk.
    """
    with writer or RunWriter(run) as held:
        if run.status().complete:  # another process completed it while this one was starting
            return run.status().state
        if writer is None:
            held.clear_stop()
        with _reported_failure(held), processes.peer_errors():
            images, compute, checkpoint = _begin(held, request, measured, processes)
            keeper = _Keeper(held, compute, checkpoint.seconds if checkpoint else 0.0)
            with closing(_chunks(run.experiment, images, compute, checkpoint, processes)) as chunks:
                for chunk in chunks:
                    keeper.write(chunk)
                    on_chunk(chunk)
                    if state := keeper.state_after(chunk, should_continue):
                        return state
            held.finish(keeper.seconds)
            return "done"


def follow_run(processes: SingleProcess, workers: int | None = None) -> None:
    """Take part in what process 0 trains, with this machine's own data, until it has ended."""
    with processes.peer_errors():
        while (task := processes.broadcast_object()) is not None:
            compute = ComputeConfig.from_dict(task["how"])
            device = processes.local_device(training.devices.resolve_device(compute.device))
            choice = ComputeChoice.from_dict(replace(compute, device=device).to_dict())
            experiment = data.with_local_folder(Experiment.from_json(task["experiment"]))
            training.configure_torch(choice)
            images = data.load(experiment.data, device=device, workers=workers)
            training.follow(experiment, images, choice, processes)


@contextmanager
def _reported_failure(writer: RunWriter) -> Iterator[None]:
    """Writes an error of the block into the run's status, and raises it again."""
    try:
        yield
    except ConnectionError as error:
        writer.fail(f"{error}; it can be resumed", state="stopped")
        raise
    except Exception as error:
        with suppress(OSError):  # on a full disk; then the error itself says so
            writer.fail(str(error))
        raise


def _begin(
    writer: RunWriter, request: ComputeRequest, measured: Path | None, processes: SingleProcess
) -> tuple[data.DataSet, ComputeConfig, Checkpoint | None]:
    """Images on the device, how to compute, and what to resume from."""
    run, last = writer.run, writer.run.status()
    measures = run.compute is None and run.experiment.recipe.steps >= training.WORTH_MEASURING
    # A process that dies from here on leaves an interrupted run.
    writer.status("running", last.step, last.seconds, MEASURING if measures else "")
    share = processes.batch_split(run.experiment.recipe.batch)
    begun = run.compute
    images, compute = _prepare(run, request, measured, processes)
    checkpoint = writer.begin(begun or compute)
    if begun is not None and begun != compute:
        compute = compute.noting(begun, checkpoint.step if checkpoint else 0)
        writer.write_compute(compute)
    if checkpoint is not None:
        writer.status("running", checkpoint.step, checkpoint.seconds)
    compute = _note_share(writer, compute, BatchShare(checkpoint.step if checkpoint else 0, **share))
    processes.broadcast_object({"experiment": run.experiment.to_json(), "how": compute.to_dict()})
    return images, compute, checkpoint


def _prepare(
    run: Run, request: ComputeRequest, measured: Path | None, processes: SingleProcess
) -> tuple[data.DataSet, ComputeConfig]:
    """Images on the device, and how to compute and record: as the run was begun, else as requested and
    chosen."""
    experiment, begun = run.experiment, run.compute
    device = device_for(run, request, processes)
    if isinstance(experiment.data, ImageFolder) and not experiment.data.digest:
        raise RunError(
            f"{run.name}: data.digest is empty, so it could be any folder; `jobs.submit` fills it in"
        )
    images = data.load(experiment.data, device=device, workers=request.workers)
    shape = choices.ImageShape(images.channels, images.side, images.classes)
    layers = tuple(name for name, _ in nets.layers(nets.assemble(experiment.net, **shape._asdict())))
    compile = request.compile if processes.world_size == 1 else False
    if begun is None:
        request = replace(request, device=device, compile=compile)
        chosen = choices.choose(experiment, request, shape, measured)
        begun = replace(chosen, layers=layers, commit=_commit())
    if begun.layers != layers:
        raise RunError(
            f"{run.path / files.HOW} names other layers than the net has; remove the run and train it again"
        )
    compute = continued(begun, request, device)
    training.configure_torch(ComputeChoice.from_dict(compute.to_dict()))
    return images, compute


def _note_share(writer: RunWriter, compute: ComputeConfig, share: BatchShare) -> ComputeConfig:
    """Other shares of a batch have other batch statistics, so how.json lists them with their first steps.
    A run of one process, which has whole batches, has no list."""
    whole = BatchShare(0, **SingleProcess().batch_split(writer.run.experiment.recipe.batch))
    known = compute.shares or (whole,)
    before = tuple(each for each in known if each.from_step < share.from_step)
    same = bool(before) and replace(before[-1], from_step=share.from_step) == share
    shares = before if same else (*before, share)
    if shares != known:
        compute = replace(compute, shares=shares)
        writer.write_compute(compute)
    return compute


def _chunks(
    experiment: Experiment,
    images: data.DataSet,
    compute: ComputeConfig,
    checkpoint: Checkpoint | None,
    processes: SingleProcess,
) -> Generator[StepChunk]:
    """The bench's training, which takes its own records and tensors."""
    resume = None
    if checkpoint is not None:
        tensors = {name: torch.from_numpy(array) for name, array in checkpoint.tensors.items()}
        resume = training.Checkpoint(tensors, checkpoint.step, checkpoint.seconds)
    recording = compute.recording or RecordingConfig()
    return training.train(
        experiment,
        images,
        ComputeChoice.from_dict(compute.to_dict()),
        recording=Recording(every_step=recording.every_step, checkpoints=recording.keep_weights),
        resume=resume,
        processes=processes,
    )


class _Keeper:
    """Writes chunks of steps into the run, and a checkpoint now and then."""

    def __init__(self, writer: RunWriter, compute: ComputeConfig, seconds: float) -> None:
        self.writer, self.compute, self.seconds = writer, compute, seconds
        self.saved_at, self.saving_took = time.monotonic(), 0.0

    def write(self, chunk: StepChunk) -> None:
        """Rows, kept weights and status. Norms come first: a reader finds them with their steps."""
        writer, self.seconds = self.writer, chunk.seconds
        if chunk.resolved and (compute := self.compute.updated(chunk.resolved)) != self.compute:
            self.compute = compute
            writer.write_compute(compute)
        if chunk.norms is not None:
            writer.append_norms(chunk.norms.numpy())
        writer.append(*([row.to_dict() for row in rows] for rows in (chunk.steps, chunk.evals, chunk.units)))
        if chunk.weights_due:
            state = chunk.state_dict()
            net = {key.removeprefix("net."): t.numpy() for key, t in state.items() if key.startswith("net.")}
            writer.keep_weights(chunk.step, net)
        writer.status("running", chunk.step, chunk.seconds)

    def state_after(self, chunk: StepChunk, should_continue: Callable[[], bool]) -> str:
        """The state in which training ends after this chunk, written into the run; "" if it goes on."""
        if chunk.diverged is not None:
            self.writer.status("diverged", chunk.step, chunk.seconds, str(chunk.diverged))
            return "diverged"
        stop = not (should_continue() and self.writer.should_continue())
        now = time.monotonic()
        due = now - self.saved_at > CHECKPOINT_SECONDS + self.saving_took / CHECKPOINT_SHARE
        if chunk.step and (stop or due):
            tensors = {name: tensor.numpy() for name, tensor in chunk.state_dict().items()}
            self.writer.checkpoint(tensors, step=chunk.step, seconds=chunk.seconds)
            self.saved_at = time.monotonic()
            self.saving_took = self.saved_at - now
        if stop:
            self.writer.status("stopped", chunk.step, chunk.seconds, STOPPED)
            return "stopped"
        return ""
