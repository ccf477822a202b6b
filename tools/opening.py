"""Record the answers that pages need when they open: `python tools/opening.py`, from a clean commit.

Then the first picture needs no worker, and pages work without CIFAR-10 (none of its images is recorded).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from resnet_edu.host import commit
from resnet_edu.jobs import pool, queue
from resnet_edu.jobs.queue import ProbeJob
from resnet_edu.runs import Run, Shelf, answers
from resnet_edu.workers import answer

MAIN = Path(__file__).parent.parent / "app" / "main.py"
PHOTOGRAPHS = ("kingfisher", "macaw", "shepherd", "owl")
UNITS = [f"stages.{stage}.{unit}" for stage in range(3) for unit in range(3)]  # of 20 layers
VIEWS = [
    *(("saliency", {"nets": "minute", "depth": depth}) for depth in (8, 20, 56)),
    *(("saliency", {"nets": "quarter", "depth": 20, "of": name}) for name in PHOTOGRAPHS),
    *(
        ("lesions", {"nets": "quarter", "depth": 20} | more)
        for more in ({}, *({"deleted": u} for u in UNITS))
    ),
    *(
        (page, {"nets": nets, "depth": depth})
        for page in ("lesions", "paths")
        for nets in ("minute", "lesson-cifar")
        for depth in (20, 56)
    ),
]


def main() -> None:
    if not (commit() or "an installed package").isalnum():
        raise SystemExit(f"the source is {commit()}: commit first, so that answers say where they come from")
    pool.start = lambda shelf, slot: None  # this script answers
    for page, query in VIEWS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["RESNET_EDU_RUNS"] = folder
            while waiting := asked(page, query):
                for job in waiting:
                    _record(job)
                    print(page, query, job.probe, job.path.name, flush=True)


def asked(page: str, query: dict[str, Any]) -> list[ProbeJob]:
    """The jobs that the page queues when it opens, given the answers so far."""
    at = AppTest.from_file(str(MAIN), default_timeout=120).switch_page(f"questions/{page}.py")
    for name, value in query.items():
        at.query_params[name] = str(value)
    at.run()
    assert not at.exception, at.exception
    return [job for job in queue.pending(Shelf()) if isinstance(job, ProbeJob)]


def _record(job: ProbeJob) -> None:
    run = Run(job.path)
    folder = answer.answer_run(run, job.probe, job.arguments)
    assert answers.read_answer(folder).error is None, folder
    shutil.copytree(folder, run.path / "probes" / folder.name, ignore=shutil.ignore_patterns("lock"))
    queue.complete(job)


if __name__ == "__main__":
    main()
