"""One step of SGD as a function over static buffers: called eagerly, or captured in a CUDA graph.

What differs between steps (images, crops, learning rate) is copied to the device in advance, one row per step
for a whole chunk of steps; a counter on the device selects the row. The step writes loss and layer norms into
the same row of other buffers. So it uses no Python numbers and never synchronises.

    engine.begin(first, rates)              # a learning rate for each step of the chunk
    for step in range(first, …):
        engine.prepare(step)                # on the host: prefetch batches, seed dropout
        engine.run(record)                  # on the device: forward, backward, update
    engine.losses[:count].tolist()          # the chunk's only synchronisation
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu import nets
from resnet_edu.experiment import Experiment
from resnet_edu.measure import layer_norms
from resnet_edu.nets import ResNet
from resnet_edu.training.batches import Batches
from resnet_edu.training.compiling import Model, compiled
from resnet_edu.training.compute import ComputeChoice
from resnet_edu.training.devices import autocast
from resnet_edu.training.distributed import SingleProcess
from resnet_edu.training.graphs import CudaCapturer, CudaGraphStep
from resnet_edu.training.phases import enter_phase
from resnet_edu.training.sgd import FusedSGD

MAX_ROWS = 1024
MAX_IMAGES = 2**20


def rows_for(experiment: Experiment) -> int:
    """Most steps per chunk: up to 1024, with up to 2²⁰ images."""
    recipe = experiment.recipe
    return max(1, min(MAX_ROWS, recipe.steps, MAX_IMAGES // recipe.batch))


class Engine:
    """`run(record)` computes the next step of the chunk. `forward`, `backward` and `update` compute it in
    parts, so that a loss can be checked before its backward pass.

    experiment  seed, momentum, weight decay
    net         on the device of `compute`
    batches     on the same device
    compute     device, precision, compilation, capture
    rows        most steps per chunk
    processes   with several, each computes its shard of a step, neither compiled nor captured; the recorded
                loss is the whole batch's
    """

    def __init__(
        self,
        experiment: Experiment,
        net: ResNet,
        batches: Batches,
        compute: ComputeChoice,
        rows: int,
        processes: SingleProcess = SingleProcess(),
    ) -> None:
        device = torch.device(compute.device)
        self.seed, self.recipe = experiment.seed, experiment.recipe
        self.net, self.batches, self.compute = net, batches, compute
        self.weights = [weight for _, weight in nets.layers(net)]
        self.stochastic = bool(nets.stochastic_modules(net))
        self.sgd = FusedSGD(net.parameters(), experiment.recipe.momentum, experiment.recipe.weight_decay)
        self.rows, self.first = rows, 0
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.rates = torch.zeros(rows, device=device)
        self.losses = torch.zeros(rows, device=device)
        self.norms = torch.zeros(rows, 3, len(self.weights), device=device)
        self.processes, single = processes, processes.world_size == 1
        self.model: Model = processes.wrap_ddp(net)
        self.compile_error = ""
        if compute.compiled and single and not experiment.recipe.greedy:
            self._compile()
        one_work = not experiment.recipe.greedy  # a captured step is the same work each time
        captures = device.type == "cuda" and compute.captured is not False and single and one_work
        self.run: Callable[[bool], None] = self.step
        if captures:
            self.run = CudaGraphStep(self.step, CudaCapturer(device))
        self._snapshot: list[Tensor] = []

    def resolved(self) -> dict[str, bool | str]:
        """Values for how.json that are known only after trying: compiled and captured or not, and why."""
        values: dict[str, bool | str] = {}
        if self.compile_error:
            values |= {"compiled": False, "compiled_because": self.compile_error}
        if isinstance(self.run, CudaGraphStep) and (self.run.error or self.run.graphs):
            because = self.run.error or "every step is the same work"
            values |= {"captured": not self.run.error, "captured_because": because}
        return values

    def begin(self, first: int, rates: Sequence[float]) -> None:
        """Start a chunk: the steps `first`, first + 1, … with these learning rates; at most `rows` steps."""
        self.first = first
        self.rates[: len(rates)].copy_(torch.tensor(rates, dtype=torch.float32))
        self.row.zero_()
        self.batches.begin(first, len(rates))

    def prepare(self, step: int) -> None:
        """The host's work before this step: prefetch its batch, seed dropout and stochastic depth. A replayed
        graph draws from PyTorch's generator with its latest seed."""
        self.batches.prefetch(step - self.first)
        enter_phase(self.net, self.recipe, step)
        if self.stochastic:
            nets.seed_stochastic_modules(self.net, self.seed, step)

    def step(self, record: bool) -> None:
        """One whole step; `record` its layer norms."""
        self.backward(self.forward())
        self.update(record)

    def forward(self) -> Tensor:
        """The loss of this step's batch: mean cross-entropy, in nats."""
        inputs, labels = self.batches.get(self.row)
        with autocast(self.compute):
            logits = self.model(inputs)
        loss = F.cross_entropy(logits.float(), labels)
        self.losses.index_copy_(0, self.row, self.processes.mean(loss.detach())[None])
        return loss

    def inputs(self) -> Tensor:
        """The inputs of the latest `forward`; valid until `update`."""
        return self.batches.get(self.row)[0]

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of `forward`'s loss."""
        self.sgd.zero_grad()
        loss.backward()

    def update(self, record: bool) -> None:
        """Update the weights, `record` the layer norms, and advance to the next row."""
        self.sgd.step(self.rates.index_select(0, self.row))
        if record:
            self.norms.index_copy_(0, self.row, layer_norms(self.weights, self.sgd)[None])
        self.row += 1

    @torch.no_grad()
    def snapshot(self) -> None:
        """Save weights, statistics and momentum on the device."""
        if not self._snapshot:
            self._snapshot = [tensor.detach().clone() for tensor in self._changing()]
        for saved, tensor in zip(self._snapshot, self._changing(), strict=True):
            saved.copy_(tensor)

    @torch.no_grad()
    def rollback(self) -> None:
        """Go back to the latest snapshot."""
        for saved, tensor in zip(self._snapshot, self._changing(), strict=True):
            tensor.copy_(saved)

    def _compile(self) -> None:
        """Compile on the first batch, so that no step of the training can fail by it."""
        self.begin(0, [0.0])
        self.batches.prefetch(0)
        inputs, labels = self.batches.get(self.row)
        self.model, self.compile_error = compiled(self.net, inputs, labels, self.compute)

    def _changing(self) -> list[Tensor]:
        momenta = [buffer for state in self.sgd.state.values() for buffer in state.values()]
        return [*self.net.parameters(), *self.net.buffers(), *momenta]
