"""What is measured of a training as it goes, as a share of the time that its steps take; one CPU thread, or
a GPU without capture. Norms of every layer's gradient, weight and update: by the default schedule, and at
every step. Evaluations are 5 to 41 a run, and block gradients come with each; writing is the rows' way to the
disk. Step and recording are timed in turn within one run; medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

from benchmarks.common import digits, markdown, plain_compute, trainer
from resnet_edu.experiment import Cifar, Digits, Experiment, Recipe
from resnet_edu.measure import layer_norms
from resnet_edu.runs import ComputeConfig, RunWriter, Shelf
from resnet_edu.training import EvalRow, Recording
from resnet_edu.training.devices import available_devices, synchronize
from resnet_edu.training.evaluating import evaluate, unit_gradients
from resnet_edu.training.loop import Trainer

TIMED = 40
CASES = {
    "digits, resnet-56, width 8, batch 64": digits("resnet-56"),
    "digits, plain-20, width 8, batch 64": digits("plain-20"),
    "32×32, resnet-20, width 16, batch 128": Experiment(Cifar(20), Digits(side=32), Recipe(steps=1500)),
}


def table() -> str:
    rows = [[name, *_row(experiment)] for name, experiment in CASES.items()]
    head = ["training", "ms a step", "ms for the norms", "norms, default", "norms, every step"]
    return markdown([*head, "evaluations", "block gradients", "writing"], rows)


def _row(experiment: Experiment) -> list[str]:
    made = trainer(experiment, plain_compute(available_devices()[0]))
    steps, timed = experiment.recipe.steps, 8 if experiment.net.width > 8 else TIMED
    step, norms = _in_turn(made, timed)
    shares = [
        norms * len(Recording().norm_steps(steps)) / steps / step,
        norms / step,
        _median(made, lambda: _evaluate(made), 2) * len(made.evaluations) / steps / step,
        _median(made, lambda: unit_gradients(made.net, made.data, made.format, 0), 3)
        * len(made.evaluations)
        / steps
        / step,
        _writing(experiment, made) / step,
    ]
    return [f"{1000 * step:.1f}", f"{1000 * norms:.2f}", *(f"{share:.2%}" for share in shares)]


def _in_turn(made: Trainer, times: int) -> tuple[float, float]:
    """Median seconds of a step, and of its layers' norms."""
    engine, steps, records = made.engine, [], []
    engine.begin(0, [0.01] * times)
    for step in range(times):
        engine.prepare(step)
        steps.append(_seconds(made, lambda: engine.step(False)))
        records.append(_seconds(made, lambda: layer_norms(engine.weights, engine.sgd)))
    return statistics.median(steps), statistics.median(records)


def _writing(experiment: Experiment, made: Trainer) -> float:
    """Seconds a step of writing a block of 32 rows with the norms of each."""
    made.norm_steps = frozenset(range(experiment.recipe.steps))
    made.evaluations, made.seconds_per_step = frozenset(), 1e-9
    made._chunk_length = lambda: 32 if experiment.net.width == 8 else 2  # type: ignore[method-assign]
    block = made.next_chunk()
    assert block.norms is not None
    with tempfile.TemporaryDirectory() as place, RunWriter(Shelf(place).get_or_create(experiment)) as writer:
        writer.begin(ComputeConfig(device="cpu"))
        rows = [[row.to_dict() for row in table] for table in (block.steps, block.evals, block.units)]
        started = time.perf_counter()
        for _ in range(10):
            writer.append_norms(block.norms.numpy())
            writer.append(*rows)
            writer.status("running", block.step, block.seconds)
        return (time.perf_counter() - started) / 10 / len(block.steps)


def _evaluate(made: Trainer) -> EvalRow:
    return evaluate(made.net, made.data, made.compute, 0, batch=made.recipe.batch, last=False)


def _median(made: Trainer, work: Callable[[], object], times: int) -> float:
    return statistics.median(_seconds(made, work) for _ in range(times))


def _seconds(made: Trainer, work: Callable[[], object]) -> float:
    synchronize(made.compute.device)
    started = time.perf_counter()
    work()
    synchronize(made.compute.device)
    return time.perf_counter() - started
