"""Ask the questions of studies, and wait for the workers' answers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from resnet_edu import jobs
from resnet_edu.cli.common import gentle_interrupt
from resnet_edu.cli.terminal import waiting
from resnet_edu.runs import Run, answers
from resnet_edu.studies import Study

POLL_SECONDS = 0.2
ASK_AGAIN = 25  # polls


def ask_all(asked: Sequence[tuple[Study, Sequence[Run]]]) -> bool:
    """Ask each study's questions about its runs, and wait; False if the user pressed Ctrl-C.

    An answer can be an error, which `errors` finds.
    """
    jobs_left = [
        (run, question, folder)
        for study, runs in asked
        for run in runs
        for question, folder in zip(study.questions, study.asked(run), strict=True)
    ]
    total = len(jobs_left)
    with gentle_interrupt("Stopping; the answers so far are kept.") as should_continue:
        with waiting("") as status:
            for poll in itertools.count():
                jobs_left = [each for each in jobs_left if not answers.answered(each[2])]
                if not jobs_left or not should_continue():
                    break
                if poll % ASK_AGAIN == 0:  # again and again, in case a worker died
                    for run, question, _ in jobs_left:
                        jobs.ask(run, question.probe, **question.arguments)
                status.update(f"{total - len(jobs_left)} of {total} questions answered …")
                time.sleep(POLL_SECONDS)
        for _, _, folder in jobs_left:
            jobs.release(folder)
        return should_continue()


def errors(study: Study, runs: Sequence[Run]) -> list[tuple[Path, str]]:
    """The answers that are errors, and what each says."""
    folders = [folder for run in runs for folder in study.asked(run) if answers.answered(folder)]
    said = [(folder, answers.read_answer(folder).error) for folder in folders]
    return [(folder, error) for folder, error in said if error is not None]
