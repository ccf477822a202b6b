"""One step of SGD as a function over static buffers: called eagerly, or captured in a CUDA graph.

What differs from step to step (images, crops, learning rate) is laid out on the device beforehand, one row a
step, for a whole block of steps; a counter on the device says which row is next. Loss and layer norms are
written into the same row. So the step reads no number of Python's and waits for nothing.

    engine.begin(first, rates)              # a learning rate for each step of the block
    for step in range(first, …):
        engine.ready(step)                  # on the host: batches ahead, seeds
        engine.run(record)                  # on the device: forward, backward, update
    engine.losses[:count].tolist()          # the block's only synchronisation
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu import nets
from resnet_edu.experiment import Experiment
from resnet_edu.measure import layer_norms
from resnet_edu.nets import ResNet
from resnet_edu.training.batches import Batches
from resnet_edu.training.compiling import Model, compiled
from resnet_edu.training.devices import autocast
from resnet_edu.training.distributed import Alone
from resnet_edu.training.graphs import Cuda, Replayed
from resnet_edu.training.sgd import Sgd

MOST_ROWS = 1024
ROWS_OF_IMAGES = 2**20


def rows_for(experiment: Experiment) -> int:
    """Steps that are laid out at once: up to a thousand, of up to a million images."""
    recipe = experiment.recipe
    return max(1, min(MOST_ROWS, recipe.steps, ROWS_OF_IMAGES // recipe.batch))


class Engine:
    """`run(record)` makes the next step of the block; `forward`, `backward` and `update` make it in
    parts, so that a loss can be looked at before it does harm, or gradients averaged over processes.

    `net` and the batches lie on the device of `how`. With several `processes` each makes its shard of a step,
    neither compiled nor captured; the loss that is noted is that of the whole batch.
    """

    def __init__(
        self,
        experiment: Experiment,
        net: ResNet,
        batches: Batches,
        how: Mapping[str, Any],
        rows: int,
        processes: Alone = Alone(),
    ) -> None:
        device = torch.device(how["device"])
        self.seed, self.net, self.batches, self.how = experiment.seed, net, batches, how
        self.weights = [weight for _, weight in nets.layers(net)]
        self.draws = bool(nets.stochastic_modules(net))
        self.sgd = Sgd(net.parameters(), experiment.recipe.momentum, experiment.recipe.weight_decay)
        self.rows, self.first = rows, 0
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.rates = torch.zeros(rows, device=device)
        self.losses = torch.zeros(rows, device=device)
        self.norms = torch.zeros(rows, 3, len(self.weights), device=device)
        self.processes, alone = processes, processes.count == 1
        self.model: Model = processes.joined(net)
        self._uncompiled = ""
        if how.get("compiled") and alone:
            self._compile()
        captures = device.type == "cuda" and how.get("captured") is not False and alone
        self.run: Callable[[bool], None] = Replayed(self.step, Cuda(device)) if captures else self.step
        self._kept: list[Tensor] = []

    def found(self) -> dict[str, Any]:
        """What `how` could not know: whether steps are captured, and why something is not as told."""
        facts: dict[str, Any] = {}
        if self._uncompiled:
            facts |= {"compiled": False, "compiled_because": self._uncompiled}
        if isinstance(self.run, Replayed) and (self.run.trouble or self.run.graphs):
            because = self.run.trouble or "every step is the same work"
            facts |= {"captured": not self.run.trouble, "captured_because": because}
        return facts

    def begin(self, first: int, rates: Sequence[float]) -> None:
        """The next steps are `first`, first + 1, … with these learning rates; at most `rows` of them."""
        self.first = first
        self.rates[: len(rates)].copy_(torch.tensor(rates, dtype=torch.float32))
        self.row.zero_()
        self.batches.begin(first, len(rates))

    def ready(self, step: int) -> None:
        """What the host has to see to before this step. A replayed graph draws from PyTorch's generator as
        it was seeded last, so dropout and stochastic depth need nothing else."""
        self.batches.feed(step - self.first)
        if self.draws:
            nets.seed_stochastic_modules(self.net, self.seed, step)

    def step(self, record: bool) -> None:
        self.backward(self.forward())
        self.update(record)

    def forward(self) -> Tensor:
        """The loss of this step's batch: mean cross-entropy, in nats."""
        inputs, labels = self.batches.take(self.row)
        with autocast(self.how):
            logits = self.model(inputs)
        loss = F.cross_entropy(logits.float(), labels)
        self.losses.index_copy_(0, self.row, self.processes.mean(loss.detach())[None])
        return loss

    def inputs(self) -> Tensor:
        """What `forward` has seen, until `update`."""
        return self.batches.take(self.row)[0]

    def backward(self, loss: Tensor) -> None:
        self.sgd.zero_grad()
        loss.backward()

    def update(self, record: bool) -> None:
        """Move the weights, note the norms if asked to, and go on to the next row."""
        self.sgd.step(self.rates.index_select(0, self.row))
        if record:
            self.norms.index_copy_(0, self.row, layer_norms(self.weights, self.sgd)[None])
        self.row += 1

    @torch.no_grad()
    def keep(self) -> None:
        """Remember weights, statistics and momentum as they are now."""
        if not self._kept:
            self._kept = [tensor.detach().clone() for tensor in self._changing()]
        for kept, tensor in zip(self._kept, self._changing(), strict=True):
            kept.copy_(tensor)

    @torch.no_grad()
    def restore(self) -> None:
        """Go back to what was kept last."""
        for kept, tensor in zip(self._kept, self._changing(), strict=True):
            tensor.copy_(kept)

    def _compile(self) -> None:
        """Tried on the first batch, so that no step of the training can fail by it."""
        self.begin(0, [0.0])
        self.batches.feed(0)
        self.model, self._uncompiled = compiled(self.net, *self.batches.take(self.row), self.how)

    def _changing(self) -> list[Tensor]:
        momenta = [buffer for state in self.sgd.state.values() for buffer in state.values()]
        return [*self.net.parameters(), *self.net.buffers(), *momenta]
