"""Record what the ledger's verdicts are made of: `python tools/record_study.py NAME … [--budget minute]`.

From a clean commit. Nets at their start are measured now, into `recorded/starts/`. Runs of trained studies
are packed from your shelf with their answers, without weights; `resnet-edu study NAME` makes them first.
What is recorded already stays.
"""

from __future__ import annotations

import argparse

from resnet_edu import studies
from resnet_edu.host import commit
from resnet_edu.runs import Run, Shelf, answers, files, pack, recorded
from resnet_edu.studies import Study
from resnet_edu.workers.answer import answer_run


def main() -> None:
    options = _options()
    if not (commit() or "an installed package").isalnum():
        raise SystemExit(f"the source is {commit()}: commit first, so that answers say where they come from")
    for name in options.names:
        study = studies.get(name)
        study.check_budget(options.budget)
        for arm in study.arms(options.budget, seeds=study.seeds):
            if study.trained:
                _pack(study, arm.name)
            else:
                _measure(study, study.shelf(recorded()).get_or_create(arm))
        print(name, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=studies.names(), metavar="NAME")
    parser.add_argument("--budget", default="minute")
    return parser.parse_args()


def _measure(study: Study, run: Run) -> None:
    for question, folder in zip(study.questions, study.asked(run), strict=True):
        answer_run(run, question.probe, question.arguments)
        (folder / files.LOCK).unlink(missing_ok=True)


def _pack(study: Study, name: str) -> None:
    """A run whose arm is recorded keeps its tables; only its missing answers are added."""
    own, target = Shelf().find(name), recorded().path / name
    shipped = Run(target) if target.exists() else pack(own, recorded().path, weights="none")
    for folder, there in zip(study.asked(own), study.asked(shipped), strict=True):
        if not answers.answered(there):
            answers.pack_answer(folder, shipped)


if __name__ == "__main__":
    main()
