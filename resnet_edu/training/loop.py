"""The training loop: He 2015's recipe, measured as it goes."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import DataSet
from resnet_edu.experiment import Experiment
from resnet_edu.experiment.spec import SpecError
from resnet_edu.training.batches import batches
from resnet_edu.training.diagnosis import Divergence, diagnose, loss_limit
from resnet_edu.training.distributed import Alone
from resnet_edu.training.engine import Engine, rows_for
from resnet_edu.training.evaluating import evaluation, gradients
from resnet_edu.training.plateau import Falls
from resnet_edu.training.schedule import Recording, evaluation_steps

BLOCK_SECONDS = 0.25
BLIND_SECONDS = 1.0


@dataclass
class Block:
    """Some steps in a row. `state` copies what resuming after them needs; valid until the next block.
    `found` is what turned out about how the run is computed, for its how.json."""

    step: int
    seconds: float
    steps: list[dict[str, float]] = field(default_factory=list)
    norms: Tensor | None = None
    evals: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    weights_due: bool = False
    diverged: Divergence | None = None
    state: Callable[[], dict[str, Tensor]] = dict
    found: dict[str, Any] = field(default_factory=dict)


def train(
    experiment: Experiment,
    data: DataSet,
    how: Mapping[str, Any],
    *,
    recording: Recording = Recording(),
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    processes: Alone = Alone(),
) -> Generator[Block]:
    """Train to the end, or until the loss is unusable. `how` is from `choose`; `resume` is
    a block's `state()` with its step and seconds. On the CPU the same experiment, threads and
    versions give the same bits, resumed or not: every random draw depends on the seed and the
    step alone. Several `processes` make the same steps together; whoever leads closes this generator.
    """
    trainer = Trainer(experiment, data, how, recording, processes)
    if resume is not None:
        trainer.load(*resume)
    trainer.share()
    ended = trainer.done == experiment.recipe.steps
    try:
        if resume is None:
            yield trainer.evaluated(Block(0, 0.0))
        while not ended:
            block = trainer.block()
            ended = block.diverged is not None or trainer.done == experiment.recipe.steps
            yield trainer.evaluated(block) if block.diverged is None else block
    except GeneratorExit:  # between two blocks
        if not ended:
            processes.heard(0)
        raise
    finally:
        trainer.batches.close()


def follow(experiment: Experiment, data: DataSet, how: Mapping[str, Any], processes: Alone) -> None:
    """Make the steps that process 0 makes in `train`, until it ends or stops."""
    trainer = Trainer(experiment, data, how, Recording(), processes)
    trainer.share()
    try:
        while trainer.done < experiment.recipe.steps and (count := processes.heard()):
            if trainer.make(count) is not None:
                return
            trainer.falls.see(trainer.engine.losses[:count].tolist())
    finally:
        trainer.batches.close()


class Trainer:
    """On a CPU every loss is looked at before it does harm. On other devices nobody looks, so that nothing
    waits; a block in which a loss turns out to be unusable is gone through again, step by step."""

    def __init__(
        self,
        experiment: Experiment,
        data: DataSet,
        how: Mapping[str, Any],
        recording: Recording,
        processes: Alone = Alone(),
    ) -> None:
        self.experiment, self.recipe, self.data, self.how = experiment, experiment.recipe, data, how
        self.processes = processes
        self.format = getattr(torch, how["memory_format"])
        net = nets.build(
            experiment.net, channels=data.channels, side=data.side, classes=data.classes, seed=experiment.seed
        )
        self.net = net.to(how["device"]).to(memory_format=self.format)
        self.net.activation_checkpointing = bool(how.get("checkpointed"))
        rows = rows_for(experiment)
        shard = processes.shard(self.recipe.batch)
        self.batches = batches(experiment, data, self.format, rows, shard)
        self.engine = Engine(experiment, self.net, self.batches, how, rows, processes)
        self.watched = torch.device(how["device"]).type == "cpu"
        steps = self.recipe.steps
        self.norm_steps, self.weight_steps = recording.norm_steps(steps), recording.weight_steps(steps)
        self.evaluations = evaluation_steps(steps)
        self.limit = loss_limit(data.classes)
        self.falls = Falls(self.recipe)
        self.done, self.seconds, self.pace = 0, 0.0, 0.0

    def block(self) -> Block:
        """Steps for a quarter of a second or so, or until something is due."""
        first, started = self.done, time.perf_counter()
        diverged = self.make(self.processes.heard(self._length()))
        return self._packed(first, started, diverged)

    def make(self, count: int) -> Divergence | None:
        """The next so many steps, or those until the loss is unusable."""
        steps = range(self.done, self.done + count)
        return self._watch(steps) if self.watched or not self._blindly(steps) else None

    def _length(self) -> int:
        """At the pace of the last block; one step where there was none."""
        due = sorted(self.evaluations | self.weight_steps | {self.recipe.steps})
        until = min(due[bisect_right(due, self.done)], self.falls.next(self.done)) - self.done
        seconds = BLOCK_SECONDS if self.watched else BLIND_SECONDS
        fitting = int(seconds / self.pace) if self.pace else 1
        return max(1, min(until, fitting, self.engine.rows))

    def lr_at(self, step: int) -> float:
        """The learning rate of a step of this block, within which it does not fall on a plateau."""
        return self.recipe.lr_at(step, self.falls.count)

    def _watch(self, steps: range) -> Divergence | None:
        """Step by step; the first unusable loss ends it, before anything is made of it."""
        self.engine.begin(steps.start, [self.lr_at(step) for step in steps])
        for step in steps:
            self.engine.ready(step)
            loss = self.engine.forward()
            whole = self.engine.losses[step - steps.start]
            if not whole < self.limit:
                return diagnose(self.net, self.engine.inputs(), step, whole.item())
            self.engine.backward(loss)
            self.engine.update(step in self.norm_steps)
            self.done = step + 1
        return None

    def _blindly(self, steps: range) -> bool:
        """All steps, looked at when they are done. False if a loss was unusable: then none was made."""
        self.engine.keep()
        self.engine.begin(steps.start, [self.lr_at(step) for step in steps])
        for step in steps:
            self.engine.ready(step)
            self.engine.run(step in self.norm_steps)
        if not bool((self.engine.losses[: len(steps)] < self.limit).all()):  # here the device is waited for
            self.engine.restore()
            return False
        self.done = steps.stop
        return True

    def _packed(self, first: int, started: float, diverged: Divergence | None) -> Block:
        losses = self.engine.losses[: self.done - first + (diverged is not None)].tolist()
        began, self.pace = self.seconds, (time.perf_counter() - started) / len(losses)
        self.seconds += self.pace * len(losses)
        steps = [
            {
                "step": first + i,
                "loss": loss,
                "lr": self.lr_at(first + i),
                "seconds": began + self.pace * (i + 1),
            }
            for i, loss in enumerate(losses)
        ]
        if diverged is None:
            self.falls.see(losses)
        block = Block(self.done, self.seconds, steps, diverged=diverged, state=self.state)
        block.found = self.engine.found()
        if recorded := [step for step in range(first, self.done) if step in self.norm_steps]:
            rows = self.engine.norms[[step - first for step in recorded]].flatten(1).cpu()
            block.norms = torch.cat([torch.tensor(recorded, dtype=torch.float32)[:, None], rows], dim=1)
        return block

    def evaluated(self, block: Block) -> Block:
        """The block with the evaluation that is due after it, if one is."""
        block.weights_due = self.done in self.weight_steps
        block.state = self.state
        if self.done in self.evaluations:
            last = self.done == self.recipe.steps
            block.evals.append(
                {"step": self.done} | evaluation(self.net, self.data, self.recipe.batch, self.how, last)
            )
            block.blocks.append({"step": self.done} | gradients(self.net, self.data, self.format))
        return block

    def share(self) -> None:
        """Everybody starts from what process 0 has."""
        if self.processes.count > 1:
            facts, state = self.processes.heard({"step": self.done, "seconds": self.seconds}), self.state()
            self.processes.spread(state.values())
            self.load(state, facts)

    def state(self) -> dict[str, Tensor]:
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"momentum.{name}": buffer for name, buffer in self._momenta().items()}
        tensors |= self.falls.state()
        return {name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}

    def load(self, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on from a block's `state()`; raises `SpecError` naming the first tensor that does not fit."""
        own = self.net.state_dict()
        wanted = {f"net.{name}": tensor for name, tensor in own.items()}
        wanted |= {f"momentum.{name}": tensor for name, tensor in self._momenta().items()}
        wanted |= self.falls.state()
        for name, tensor in wanted.items():
            saved = state.get(name)
            if saved is None or (saved.shape, saved.dtype) != (tensor.shape, tensor.dtype):
                found = "missing" if saved is None else f"{saved.dtype} {list(saved.shape)}"
                fits = f"{tensor.dtype} {list(tensor.shape)}"
                raise SpecError(f"the checkpoint's {name} is {found}, not {fits}")
        self.net.load_state_dict({name: state[f"net.{name}"] for name in own})
        for name, buffer in self._momenta().items():
            buffer.copy_(state[f"momentum.{name}"])
        self.falls.load(state)
        self.done, self.seconds = facts["step"], facts["seconds"]

    def _momenta(self) -> dict[str, Tensor]:
        state = self.engine.sgd.state
        return {
            name: state[parameter]["momentum_buffer"]
            for name, parameter in self.net.named_parameters()
            if state.get(parameter)
        }
