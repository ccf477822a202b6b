"""Records updates in slow motion and skip dials of seed 0 of the digits twins: `python tools/knobs.py`.

From a clean commit. So the picture, and the single HTML file, show them without a worker.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from resnet_edu.flow.measured import questions
from resnet_edu.host import commit
from resnet_edu.runs import Run, answers, recorded
from resnet_edu.workers.answer import answer_run

NAMES = [f"{kind}-{depth}-digits-s0" for depth in (8, 20, 56) for kind in ("plain", "resnet")]


def main() -> None:
    if not (commit() or "an installed package").isalnum():
        raise SystemExit(f"the source is {commit()}: commit first, so that answers say where they come from")
    for name in NAMES:
        run = recorded().find(name)
        for probe, arguments, size in record(run):
            print(run.name, probe, arguments, f"{size / 1000:.0f} kB", flush=True)


def record(run: Run) -> Iterator[tuple[str, dict, int]]:
    """Compute and pack what the run lacks. Yields each question with the bytes that its answer takes."""
    for probe, arguments in questions(run.weight_steps(), plain=run.experiment.net.plain):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["RESNET_EDU_RUNS"] = folder  # where new answers of a run that ships are kept
            target = answers.pack_answer(answer_run(run, probe, arguments), run)
        yield probe, arguments, sum(path.stat().st_size for path in target.iterdir())


if __name__ == "__main__":
    main()
