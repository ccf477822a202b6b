"""The training loop: He 2015's recipe, measured as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu import nets
from resnet_edu.data import (
    DataSet,
    StreamedSet,
    apply_augmentation,
    batch_indices,
    draw_augmentation,
    normalise,
)
from resnet_edu.experiment import Experiment
from resnet_edu.measure import block_gradients, errors, layer_norms, ten_crop_error
from resnet_edu.randomness import generator_for
from resnet_edu.spec import SpecError
from resnet_edu.training.devices import autocast
from resnet_edu.training.diagnosis import Divergence, diagnose, loss_limit
from resnet_edu.training.plateau import Falls
from resnet_edu.training.schedule import Recording, evaluated_images, evaluation_steps

BLOCK_SECONDS = 0.25
PROBE_IMAGES = 64
EVAL_BATCH = 500


@dataclass
class Block:
    """Some steps in a row. `state` copies what resuming after them needs; valid until the next block."""

    step: int
    seconds: float
    steps: list[dict[str, float]] = field(default_factory=list)
    norms: Tensor | None = None
    evals: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    weights_due: bool = False
    diverged: Divergence | None = None
    state: Callable[[], dict[str, Tensor]] = dict


def train(
    experiment: Experiment,
    data: DataSet,
    how: Mapping[str, Any],
    *,
    recording: Recording = Recording(),
    resume: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
) -> Iterator[Block]:
    """Train to the end, or until the loss is unusable. `how` is from `devices.choose`; `resume` is
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
        trainer.close()


class Trainer:
    def __init__(
        self, experiment: Experiment, data: DataSet, how: Mapping[str, Any], recording: Recording
    ) -> None:
        self.experiment, self.recipe, self.data, self.how = experiment, experiment.recipe, data, how
        self.device = torch.device(how["device"])
        self.format = getattr(torch, how["memory_format"])
        net = nets.build(
            experiment.net, channels=data.channels, side=data.side, classes=data.classes, seed=experiment.seed
        )
        self.net = net.to(self.device).to(memory_format=self.format)
        self.net.checkpointed = bool(how.get("checkpointed"))
        self.layers = nets.layers(self.net)
        recipe = experiment.recipe
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, fused=True
        )
        self.norm_steps = recording.norm_steps(recipe.steps)
        self.weight_steps = recording.weight_steps(recipe.steps)
        self.evaluations = evaluation_steps(recipe.steps)
        self.limit = loss_limit(data.classes)
        self.plateau = Falls(recipe)
        self.streamed = data.batches(recipe, experiment.seed) if isinstance(data, StreamedSet) else None
        self.done, self.seconds = 0, 0.0

    def close(self) -> None:
        """End the processes that decode photographs, if there are any."""
        if self.streamed is not None:
            self.streamed.close()

    def block(self) -> Block:
        """Steps until a quarter of a second has passed, or something is due."""
        first, started = self.done, time.perf_counter()
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        recorded: list[int] = []
        diverged = None
        while diverged is None:
            inputs, loss = self.step_forward(losses)
            if self.device.type == "cpu" and not loss < self.limit:
                diverged = diagnose(self.net, inputs, self.done, loss.item())
                break
            self.step_backward(loss)
            if self.done in self.norm_steps:
                recorded.append(self.done)
                norms.append(layer_norms([weight for _, weight in self.layers], self.optimizer))
            self.done += 1
            if self._due() or time.perf_counter() - started > BLOCK_SECONDS:
                break
        values = torch.stack(losses).tolist()  # the block's only synchronisation
        return self._packed(first, started, values, recorded, norms, diverged)

    def step_forward(self, losses: list[Tensor]) -> tuple[Tensor, Tensor]:
        """One mini-batch through the net: inputs and mean cross-entropy."""
        inputs, labels = self._batch() if self.streamed is None else self.streamed(self.done)
        inputs = inputs.contiguous(memory_format=self.format)
        nets.seed_draws(self.net, self.experiment.seed, self.done)
        with autocast(self.how):
            logits = self.net(inputs)
        loss = F.cross_entropy(logits.float(), labels)
        losses.append(loss.detach())
        return inputs, loss

    def _batch(self) -> tuple[Tensor, Tensor]:
        seed, recipe, data = self.experiment.seed, self.recipe, self.data
        chosen = batch_indices(self.done, recipe.batch, len(data.train_labels), seed).to(self.device)
        inputs = normalise(data.train_images[chosen], data)
        if recipe.augment:
            draws = draw_augmentation(recipe.batch, generator_for(seed, "augment", self.done))
            inputs = apply_augmentation(inputs, *(draw.to(self.device) for draw in draws))
        return inputs, data.train_labels[chosen]

    def step_backward(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr_at(self.done, self.plateau.falls)
        self.optimizer.step()

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
        for name, parameter in self.net.named_parameters():
            if (buffer := self.optimizer.state[parameter].get("momentum_buffer")) is not None:
                tensors[f"momentum.{name}"] = buffer
        tensors |= self.plateau.state()
        return {name: tensor.detach().contiguous().cpu().clone() for name, tensor in tensors.items()}

    def load(self, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on from a block's `state()`; raises `SpecError` naming the first tensor that does not fit."""
        own = self.net.state_dict()
        wanted = {f"net.{name}": tensor for name, tensor in own.items()}
        if self.recipe.momentum:
            wanted |= {f"momentum.{name}": tensor for name, tensor in self.net.named_parameters()}
        wanted |= self.plateau.state()
        for name, tensor in wanted.items():
            saved = state.get(name)
            if saved is None or (saved.shape, saved.dtype) != (tensor.shape, tensor.dtype):
                found = "missing" if saved is None else f"{saved.dtype} {list(saved.shape)}"
                fits = f"{tensor.dtype} {list(tensor.shape)}"
                raise SpecError(f"the checkpoint's {name} is {found}, not {fits}")
        self.net.load_state_dict({name: state[f"net.{name}"] for name in own})
        for name, parameter in self.net.named_parameters():
            if (buffer := state.get(f"momentum.{name}")) is not None:
                # Fused SGD goes through weight and buffer in memory order, so that must be the same.
                self.optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(buffer)
        self.plateau.load(state)
        self.done, self.seconds = facts["step"], facts["seconds"]

    def _due(self) -> bool:
        done = self.done
        due = done in self.evaluations or done in self.weight_steps or done == self.recipe.steps
        return due or self.plateau.due(done)

    def _packed(self, first, started, losses, recorded, norms, diverged) -> Block:
        began, pace = self.seconds, (time.perf_counter() - started) / len(losses)
        self.seconds += pace * len(losses)
        if diverged is None and (bad := [i for i, loss in enumerate(losses) if not loss < self.limit]):
            # On a GPU, where nobody looks at each step: what came after the first bad one means nothing.
            self.done, losses = first + bad[0], losses[: bad[0] + 1]
            recorded = [step for step in recorded if step < self.done]
            inputs = normalise(self.data.train_images[: self.recipe.batch], self.data)
            diverged = diagnose(self.net, inputs, self.done, losses[-1])
        steps = [
            {
                "step": first + i,
                "loss": loss,
                "lr": self.recipe.lr_at(first + i, self.plateau.falls),
                "seconds": began + pace * (i + 1),
            }
            for i, loss in enumerate(losses)
        ]
        if diverged is None:
            self.plateau.see(losses)
        block = Block(self.done, self.seconds, steps, diverged=diverged, state=self.state)
        if recorded:
            rows = torch.stack(norms[: len(recorded)]).flatten(1).cpu()
            block.norms = torch.cat([torch.tensor(recorded, dtype=torch.float32)[:, None], rows], dim=1)
        return block

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
