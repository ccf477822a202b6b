"""The training loop: He 2015's recipe, measured as it goes."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import DataSet, StreamedSet, normalise
from resnet_edu.experiment import Experiment
from resnet_edu.measure import block_gradients, errors, ten_crop_error
from resnet_edu.randomness import generator_for
from resnet_edu.spec import SpecError
from resnet_edu.training.batches import batches
from resnet_edu.training.devices import autocast
from resnet_edu.training.diagnosis import Divergence, diagnose, loss_limit
from resnet_edu.training.engine import Engine, rows_for
from resnet_edu.training.plateau import Falls
from resnet_edu.training.schedule import Recording, evaluated_images, evaluation_steps

BLOCK_SECONDS = 0.25
BLIND_SECONDS = 1.0
PROBE_IMAGES = 64
EVAL_BATCH = 500


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
) -> Iterator[Block]:
    """Train to the end, or until the loss is unusable. `how` is from `choose`; `resume` is
    a block's `state()` with its step and seconds. On the CPU the same experiment, threads and
    versions give the same bits, resumed or not: every random draw depends on the seed and the
    step alone.
    """
    trainer = Trainer(experiment, data, how, recording)
    try:
        if resume is None:
            yield trainer.evaluated(Block(0, 0.0))
        else:
            trainer.load(*resume)
        while trainer.done < experiment.recipe.steps:
            block = trainer.block()
            yield trainer.evaluated(block) if block.diverged is None else block
            if block.diverged is not None:
                return
    finally:
        trainer.batches.close()


class Trainer:
    """On a CPU every loss is looked at before it does harm. On other devices nobody looks, so that nothing
    waits; a block in which a loss turns out to be unusable is gone through again, step by step."""

    def __init__(
        self, experiment: Experiment, data: DataSet, how: Mapping[str, Any], recording: Recording
    ) -> None:
        self.experiment, self.recipe, self.data, self.how = experiment, experiment.recipe, data, how
        self.format = getattr(torch, how["memory_format"])
        net = nets.build(
            experiment.net, channels=data.channels, side=data.side, classes=data.classes, seed=experiment.seed
        )
        self.net = net.to(how["device"]).to(memory_format=self.format)
        self.net.checkpointed = bool(how.get("checkpointed"))
        rows = rows_for(experiment)
        self.batches = batches(experiment, data, self.format, rows)
        self.engine = Engine(experiment, self.net, self.batches, how, rows)
        self.watched = torch.device(how["device"]).type == "cpu"
        steps = self.recipe.steps
        self.norm_steps, self.weight_steps = recording.norm_steps(steps), recording.weight_steps(steps)
        self.evaluations = evaluation_steps(steps)
        self.limit = loss_limit(data.classes)
        self.falls = Falls(self.recipe)
        self.done, self.seconds, self.pace = 0, 0.0, 0.0

    def block(self) -> Block:
        """Steps for a quarter of a second or so, or until something is due."""
        started, diverged = time.perf_counter(), None
        steps = range(self.done, self.done + self._length())
        if self.watched or not self._blindly(steps):
            diverged = self._watch(steps)
        return self._packed(steps.start, started, diverged)

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
            if not loss < self.limit:
                return diagnose(self.net, self.engine.inputs(), step, loss.item())
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
            block.evals.append(self._evaluation())
            block.blocks.append(self._block_gradients())
        return block

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

    def _evaluation(self) -> dict[str, Any]:
        data, last = self.data, self.done == self.recipe.steps
        n_train = evaluated_images(len(data.train_labels), last=last)
        n_test = evaluated_images(len(data.test_labels), last=last)
        seen = data.train_images.narrow(0, 0, n_train), data.train_labels[:n_train]
        unseen = data.test_images.narrow(0, 0, n_test), data.test_labels[:n_test]
        with autocast(self.how):
            train_set = errors(self.net, data, *seen, batch=EVAL_BATCH)
            batchwise = errors(self.net, data, *seen, batch=self.recipe.batch, batch_statistics=True)
            test_set = errors(self.net, data, *unseen, batch=EVAL_BATCH)
            crops = ten_crop_error(self.net, data) if last and isinstance(data, StreamedSet) else None
        measured = {
            "step": self.done,
            "images": n_train,
            "train_error": train_set.error,
            "train_error_batch": batchwise.error,
            "train_loss": train_set.loss,
            "test_error": test_set.error,
            "test_loss": test_set.loss,
        }
        return measured if crops is None else measured | {"test_error_10_crops": crops}

    def _block_gradients(self) -> dict[str, Any]:
        data = self.data
        inputs = normalise(data.train_images[:PROBE_IMAGES], data).contiguous(memory_format=self.format)
        draws = generator_for(0, "nearby inputs")
        measured = block_gradients(self.net, inputs, data.train_labels[:PROBE_IMAGES], draws)
        return {
            "step": self.done,
            "names": measured.names,
            "gradient": measured.gradient,
            "correlation": measured.correlation,
        }
