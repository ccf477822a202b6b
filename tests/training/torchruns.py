"""`resnet-edu` by two processes that torchrun starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from resnet_edu.experiment import Experiment
from resnet_edu.runs import Run, Shelf

DIES = """
import os, shutil, signal, sys
from resnet_edu import cli
from resnet_edu.workers import train
from resnet_edu.training import engine, loop
loop.CHUNK_SECONDS = train.CHECKPOINT_SECONDS = 0.05
train.CHECKPOINT_SHARE = float("inf")
first, shelf = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0", sys.argv[-1]
update = engine.Engine.update
def dying(self, record):
    update(self, record)
    if self.first + int(self.row) == 100: os.kill(os.getpid(), signal.SIGKILL)
if first and os.environ["RANK"] == "1": engine.Engine.update = dying
if not first and os.environ["RANK"] == "0": shutil.copytree(shelf, shelf + " before")
sys.exit(cli.main())
"""
"""Process 1 kills itself after 100 steps, the first time. Checkpoints are written every other moment."""

FAILS = """
import os, sys
from resnet_edu import cli, data
from resnet_edu.training import engine
prepare = engine.Engine.prepare
def failing(self, step):
    if step == 30: raise data.DataMissing("these images are not here")
    prepare(self, step)
if os.environ["RANK"] == "{rank}": engine.Engine.prepare = failing
sys.exit(cli.main())
"""
"""Process {rank} misses its images before the 31st step."""


class Torchrun:
    """`Torchrun(shelf, "train", …)` is under way, or a `program` instead of the command; `log`
    is what all its processes have said."""

    def __init__(self, shelf: Path, *words: str, restarts: int = 0, program: str = "") -> None:
        shelf.mkdir(exist_ok=True)
        told = ["--standalone", "--nproc-per-node=2", f"--max-restarts={restarts}"]
        (shelf / "program.py").write_text(program)
        started = [str(shelf / "program.py")] if program else ["-m", "resnet_edu"]
        self.shelf, self.log_file = Shelf(shelf), shelf / "log"
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            *told,
            *started,
            *words,
            "--shelf",
            str(shelf),
        ]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def said(self) -> list[str]:
        """What ours said, without torchrun's own report."""
        return [line for line in self.log.splitlines() if line.startswith("resnet-edu: ")]

    def ended(self) -> int:
        code = self.process.wait(timeout=300)
        print(self.log)
        return code

    def run(self, experiment: Experiment) -> Run | None:
        return self.shelf.latest(experiment)

    def kill(self) -> None:
        if self.process.poll() is None:
            for process in (*psutil.Process(self.process.pid).children(recursive=True), self.process):
                process.kill()
            self.process.wait()


def described(experiment: Experiment, folder: Path) -> tuple[str, ...]:
    """The words that tell `resnet-edu train` what to train."""
    folder.mkdir(exist_ok=True)
    file = folder / "experiment.json"
    file.write_text(experiment.to_json())
    return "train", "--experiment", str(file)
