"""The training loop: He 2015's recipe, with measurements. `simple_loop.py` has the same without them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Generator, Mapping

import torch
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.spec import SpecError
from resnet_edu.training.batches import make_batches
from resnet_edu.training.chunk import Checkpoint, StepChunk, StepRow
from resnet_edu.training.compute import ComputeChoice
from resnet_edu.training.diagnosis import Divergence, diagnose, loss_limit
from resnet_edu.training.distributed import SingleProcess
from resnet_edu.training.dropout import add_dropout
from resnet_edu.training.engine import Engine, rows_for
from resnet_edu.training.evaluating import evaluate, unit_gradients
from resnet_edu.training.frozen import freeze_units
from resnet_edu.training.phases import enter_phase, whole_net
from resnet_edu.training.plateau import PlateauState
from resnet_edu.training.recording import Recording, evaluation_steps

CHUNK_SECONDS = 0.25
UNCHECKED_CHUNK_SECONDS = 1.0


def train(
    experiment: Experiment,
    data: DataSet,
    compute: ComputeChoice,
    *,
    recording: Recording = Recording(),
    resume: Checkpoint | None = None,
    processes: SingleProcess = SingleProcess(),
    chunk_seconds: float | None = None,
) -> Generator[StepChunk]:
    """Train to the end, or until the loss is unusable. Yields an evaluation, then chunks of steps.

    experiment     what to train
    data           its images, on the device
    compute        how to compute, from `choose`
    recording      which layer norms and weights to record
    resume         go on from here; raises `SpecError` if it does not fit the net
    processes      this process, or the group that shares every batch; others than rank 0 call `follow`
    chunk_seconds  about how long a chunk takes; default: ¼ s on a CPU, 1 s on other devices

    On a CPU the same experiment, threads and versions give the same bits, resumed or not: every random draw
    depends on the seed and the step only. Rank 0 of several processes must close this generator.
    """
    trainer = Trainer(experiment, data, compute, recording, processes, chunk_seconds)
    if resume is not None:
        trainer.load_state_dict(resume)
    trainer.broadcast_state()
    ended = trainer.done == experiment.recipe.steps
    try:
        if resume is None:
            yield trainer.evaluated(StepChunk(0, 0.0))
        while not ended:
            chunk = trainer.next_chunk()
            ended = chunk.diverged is not None or trainer.done == experiment.recipe.steps
            yield trainer.evaluated(chunk) if chunk.diverged is None else chunk
    except GeneratorExit:  # closed between two chunks
        if not ended:
            processes.broadcast_object(0)
        raise
    finally:
        trainer.batches.close()


def follow(experiment: Experiment, data: DataSet, compute: ComputeChoice, processes: SingleProcess) -> None:
    """On ranks other than 0: run the steps that rank 0 runs in `train`, until it ends or stops."""
    trainer = Trainer(experiment, data, compute, Recording(), processes)
    trainer.broadcast_state()
    try:
        while trainer.done < experiment.recipe.steps and (count := processes.broadcast_object()):
            if trainer.run_steps(count) is not None:
                return
            trainer.plateau.observe(trainer.engine.losses[:count].tolist())
    finally:
        trainer.batches.close()


class Trainer:
    """Net, engine and batches of one training, and how far it is. Parameters as in `train`.

    On a CPU every loss is checked before its backward pass. On a GPU, losses are checked once per chunk, to
    avoid synchronising; a chunk with a bad loss is rolled back and rerun step by step.
    """

    def __init__(
        self,
        experiment: Experiment,
        data: DataSet,
        compute: ComputeChoice,
        recording: Recording,
        processes: SingleProcess = SingleProcess(),
        chunk_seconds: float | None = None,
    ) -> None:
        self.experiment, self.recipe, self.data, self.compute = experiment, experiment.recipe, data, compute
        self.processes = processes
        self.format: torch.memory_format = getattr(torch, compute.memory_format)
        net = nets.build(
            experiment.net, channels=data.channels, side=data.side, classes=data.classes, seed=experiment.seed
        )
        freeze_units(net, experiment)
        add_dropout(net, self.recipe.dropout)
        self.net = net.to(compute.device).to(memory_format=self.format)
        self.net.activation_checkpointing = compute.checkpointed
        rows = rows_for(experiment)
        self.batches = make_batches(experiment, data, self.format, rows, processes.shard(self.recipe.batch))
        self.engine = Engine(experiment, self.net, self.batches, compute, rows, processes)
        enter_phase(self.net, self.recipe, 0)
        if self.recipe.greedy and processes.world_size > 1:
            raise SpecError("greedy training takes one process: set greedy to 0")
        self.check_every_step = torch.device(compute.device).type == "cpu"
        self.chunk_seconds = chunk_seconds
        steps = self.recipe.steps
        self.norm_steps, self.weight_steps = recording.norm_steps(steps), recording.weight_steps(steps)
        self.evaluations = evaluation_steps(steps)
        self.limit = loss_limit(data.classes)
        self.plateau = PlateauState(self.recipe)
        self.done, self.seconds, self.seconds_per_step = 0, 0.0, 0.0

    def next_chunk(self) -> StepChunk:
        """Run steps for about `chunk_seconds`, or until something is due."""
        first, started = self.done, time.perf_counter()
        diverged = self.run_steps(self.processes.broadcast_object(self._chunk_length()))
        return self._chunk(first, time.perf_counter() - started, diverged)

    def run_steps(self, count: int) -> Divergence | None:
        """Run the next `count` steps, or those before the first unusable loss."""
        steps = range(self.done, self.done + count)
        if not self.check_every_step and self._run_unchecked(steps):
            return None
        self.engine.begin(steps.start, [self.lr_at(step) for step in steps])
        for step in steps:
            self.engine.prepare(step)
            loss = self.engine.forward()
            of_batch = self.engine.losses[step - steps.start]
            if not of_batch < self.limit:
                return diagnose(self.net, self.engine.inputs(), step, of_batch.item())
            self.engine.backward(loss)
            self.engine.update(step in self.norm_steps)
            self.done = step + 1
        return None

    def _run_unchecked(self, steps: range) -> bool:
        """Run all steps, then check their losses. False if one is unusable: then all steps are undone."""
        self.engine.snapshot()
        self.engine.begin(steps.start, [self.lr_at(step) for step in steps])
        for step in steps:
            self.engine.prepare(step)
            self.engine.run(step in self.norm_steps)
        if not bool((self.engine.losses[: len(steps)] < self.limit).all()):  # synchronises with the device
            self.engine.rollback()
            return False
        self.done = steps.stop
        return True

    def _chunk_length(self) -> int:
        """Steps that fit into `chunk_seconds` at the last chunk's pace; 1 in the first chunk."""
        due = sorted(self.evaluations | self.weight_steps | {self.recipe.steps})
        until = min(due[bisect_right(due, self.done)], self.plateau.window_end(self.done)) - self.done
        seconds = self.chunk_seconds
        if seconds is None:
            seconds = CHUNK_SECONDS if self.check_every_step else UNCHECKED_CHUNK_SECONDS
        fitting = int(seconds / self.seconds_per_step) if self.seconds_per_step else 1
        return max(1, min(until, fitting, self.engine.rows))

    def lr_at(self, step: int) -> float:
        """The learning rate of a step in the next chunk; a plateau lowers it between chunks only."""
        return self.recipe.lr_at(step, self.plateau.decays)

    def _chunk(self, first: int, seconds: float, diverged: Divergence | None) -> StepChunk:
        losses = self.engine.losses[: self.done - first + (diverged is not None)].tolist()
        began, self.seconds_per_step = self.seconds, seconds / len(losses)
        self.seconds += self.seconds_per_step * len(losses)
        steps = [
            StepRow(step, loss, self.lr_at(step), began + self.seconds_per_step * (step - first + 1))
            for step, loss in enumerate(losses, first)
        ]
        if diverged is None:
            self.plateau.observe(losses)
        chunk = StepChunk(self.done, self.seconds, steps, diverged=diverged, state_dict=self.state_dict)
        chunk.resolved = self.engine.resolved()
        if recorded := [step for step in range(first, self.done) if step in self.norm_steps]:
            rows = self.engine.norms[[step - first for step in recorded]].flatten(1).cpu()
            chunk.norms = torch.cat([torch.tensor(recorded, dtype=torch.float32)[:, None], rows], dim=1)
        return chunk

    def evaluated(self, chunk: StepChunk) -> StepChunk:
        """Add the evaluation that is due after the chunk, if one is."""
        chunk.weights_due = self.done in self.weight_steps
        chunk.state_dict = self.state_dict
        if self.done in self.evaluations:
            last = self.done == self.recipe.steps
            row = evaluate(self.net, self.data, self.compute, self.done, batch=self.recipe.batch, last=last)
            chunk.evals.append(row)
            with whole_net(self.net):
                chunk.units.append(unit_gradients(self.net, self.data, self.format, self.done))
        return chunk

    def broadcast_state(self) -> None:
        """Copy rank 0's state to all ranks."""
        if self.processes.world_size > 1:
            done, seconds = self.processes.broadcast_object([self.done, self.seconds])
            state = self.state_dict()
            self.processes.broadcast_tensors(state.values())
            self.load_state_dict(Checkpoint(state, done, seconds))

    def state_dict(self) -> dict[str, Tensor]:
        """A copy on the CPU of weights, statistics, momentum and plateau state."""
        tensors = self._own_state()
        return {name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}

    def load_state_dict(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint; raises `SpecError` with the first tensor that does not fit."""
        own = self._own_state()
        _check_fits(own, saved.state)
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(saved.state[name])
        self.plateau.load_state_dict(saved.state)
        self.done, self.seconds = saved.step, saved.seconds

    def _own_state(self) -> dict[str, Tensor]:
        momenta = self.engine.sgd.state
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        for name, parameter in self.net.named_parameters():
            if momenta.get(parameter):
                tensors[f"momentum.{name}"] = momenta[parameter]["momentum_buffer"]
        return tensors | self.plateau.state_dict()


def _check_fits(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    for name, tensor in own.items():
        found = saved.get(name)
        if found is None or (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            has = "missing" if found is None else f"{found.dtype} {list(found.shape)}"
            raise SpecError(f"the checkpoint's {name} is {has}, not {tensor.dtype} {list(tensor.shape)}")
