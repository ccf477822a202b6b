"""Frames a second while the gradient-flow picture plays 110-layer twins, in headless Chromium; and how long
its questions take.

The twins are made up for this measurement: 2,000 recorded steps of a smooth formula, never shown to
learners. A frame counts when the browser has drawn it and the player has gone on; at least 30 are wanted.

Questions are put to a warm process with one thread, as a worker answers them, about nets of digits with
their initial weights. Each question about a net at its start builds another net; the dial's net is built
already. Percentiles are of wall time; beside them the median CPU time, which other processes change less.
Under a second is wanted (95 %), for one α of the dial and for a net at its start.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import markdown
from resnet_edu import flow, probes
from resnet_edu.experiment import Cifar, Digits, Experiment, NoShortcut
from resnet_edu.flow.contract import FlowData, NetData
from resnet_edu.flow.data import short
from resnet_edu.flow.drawing import drawn_blocks

DEPTH, STEPS, SECONDS = 110, 2_000, 6
SIZES = ((1024, 576), (1366, 768), (1920, 1080))
QUANTITIES = ("weight", "activation")
DEPTHS, QUESTIONS = (8, 20, 56, 110), 40
ASKED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "plain net at its start": ("plain", "fresh_profile", {}),
    "residual net at its start": ("resnet", "fresh_profile", {}),
    "skip dial, one α of all units": ("resnet", "skip_dial", {"alphas": 1.0}),
    "skip dial, one α of one unit": ("resnet", "skip_dial", {"alphas": 1.0, "units": ["stages.1.0"]}),
}
COUNT = """async (seconds) => {
    flow.player.toggle();
    await new Promise(requestAnimationFrame);
    const frames = flow.player.frames, began = performance.now(), step = flow.state.step;
    await new Promise((done) => setTimeout(done, 1000 * seconds));
    const rate = 1000 * (flow.player.frames - frames) / (performance.now() - began);
    const steps = flow.state.step - step;
    flow.player.toggle();
    return [rate, steps];
}"""


def table() -> str:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = flow.write_page(made_up_twins(), Path(folder) / "flow.html")
        for width, height in SIZES:
            for quantity in QUANTITIES:
                rate, steps = _played(path, width, height, quantity)
                rows.append([f"{width} × {height}", quantity, f"{rate:.0f}", f"{steps / SECONDS:.0f}"])
    frames = markdown(["picture", "quantity", "frames/s", "steps/s"], rows)
    return f"{frames}\n\n{questions()}"


def questions(depths: Sequence[int] = DEPTHS, times: int = QUESTIONS) -> str:
    """A row a question: percentiles over so many of them, in seconds."""
    rows = []
    for name, (kind, probe, arguments) in ASKED.items():
        for depth in depths:
            found = [_seconds(f"fresh:net={kind}-{depth}", probe, arguments, i) for i in range(-1, times)][1:]
            wall, cpu = np.array(found).T
            row = (np.percentile(wall, 50), np.percentile(wall, 95), np.percentile(cpu, 50))
            rows.append([name, depth, times, *(f"{seconds:.2f}" for seconds in row)])
    return markdown(["question", "layers", "questions", "p50 (s)", "p95 (s)", "CPU, p50 (s)"], rows)


def _seconds(source: str, probe: str, arguments: Mapping[str, Any], i: int) -> tuple[float, float]:
    """Wall and CPU seconds of the i-th question: of a net with its own seed, or of the dial at another α."""
    if probe == "fresh_profile":
        source += f"&seed={i + 1}"
    elif "alphas" in arguments:
        arguments = {**arguments, "alphas": (i + 1) % 100 / 100}
    wall, cpu = time.perf_counter(), time.process_time()
    probes.answer(source, probe, arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def made_up_twins(depth: int = DEPTH, steps: int = STEPS) -> FlowData:
    """Twins with numbers of a formula, labelled so; 'activation' is measured at every step, too."""
    nets = [_net(depth, steps, plain) for plain in (True, False)]
    title = f"made up for a benchmark, {steps:,} steps"
    return {"version": 1, "title": title, "steps": steps, "live": False, "note": "", "nets": nets}


def _net(depth: int, steps: int, plain: bool) -> NetData:
    spec = Cifar(depth=depth, shortcut=NoShortcut()) if plain else Cifar(depth=depth)
    label = Experiment(spec).label
    names = [
        "stem.conv",
        *(
            f"stages.{i}.{j}.branch.conv{k}"
            for i in range(3)
            for j in range((depth - 2) // 6)
            for k in (1, 2)
        ),
        "head",
    ]
    blocks, layers = drawn_blocks(spec, Digits(), names)
    units = sum(block["kind"] == "unit" for block in blocks)
    every = list(range(steps))

    def rows(count: int) -> list[list[float | None]]:
        slope = 0.08 if plain else 0.01
        return [
            [
                short(10 ** (slope * (count - i) - 3 * t / steps + 0.3 * math.sin(i / 3 + t / 9)))
                for i in range(count)
            ]
            for t in every
        ]

    correlation = [[short(math.cos(i / 99 + t / steps)) for i in range(units)] for t in every]
    return {
        "run": f"made-up-{label}",
        "label": label,
        "kind": "plain" if plain else "residual",
        "depth": depth,
        "status": "done",
        "blocks": blocks,
        "layers": layers,
        "layer_table": {"steps": every, "gradient": rows(len(layers)), "ratio": rows(len(layers))},
        "unit_table": {"steps": every, "gradient": rows(units), "correlation": correlation},
        "loss": {"steps": every, "loss": [short(2 - t / steps) for t in every]},
        "evals": {"steps": [0], "train_error": [90.0], "test_error": [90.0]},
    }


def _played(path: Path, width: int, height: int, quantity: str) -> tuple[float, float]:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page: Any = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{path.as_uri()}#q={quantity}&pins=stages.0.0")
        page.wait_for_selector(".flow .unit[data-values]", state="attached")
        found = page.evaluate(COUNT, SECONDS)
        browser.close()
    return found[0], found[1]
