"""Writes the README's measured passages from the recorded runs; tests hold the two together.

python tools/readme.py
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from resnet_edu import runs, studies
from resnet_edu.runs import ComputeConfig, Run

README = Path(__file__).parent.parent / "README.md"
PASSAGE = r"(<!-- measured: {name} -->\n).*?(<!-- end -->)"


def main() -> None:
    README.write_text(rewritten(README.read_text("utf-8")), "utf-8")


def rewritten(text: str) -> str:
    """The README with every measured passage made anew."""
    for name in re.findall(r"<!-- measured: (\S+) -->", text):
        passage = degradation_results(name.removeprefix("degradation-"))
        text = re.sub(PASSAGE.format(name=name), lambda m, p=passage: f"{m[1]}{p}\n{m[2]}", text, flags=re.S)
    return text


def degradation_results(budget: str) -> str:
    """A table, the verdict by the study's rule, and where the numbers come from."""
    study = studies.get("degradation")
    arms = [runs.recorded().latest(arm) for arm in study.arms(budget)]
    found = [run for run in arms if run is not None]
    measured = study.measure(found)
    verdict = study.verdict(measured)
    table = _table(studies.shown(study.summary(measured)))
    return f"{table}\n\n**{verdict.word}**: {verdict.sentence}\n\n{provenance(found)}"


def _table(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def provenance(found: list[Run]) -> str:
    """Where and with what the runs were trained, in a line."""
    said = {_how(run.compute) for run in found if run.compute}
    seeds = sorted({run.experiment.seed for run in found})
    return f"*{len(found)} recorded runs, seeds {', '.join(map(str, seeds))}: {'; '.join(sorted(said))}.*"


def _how(how: ComputeConfig) -> str:
    device = f"{how.device_name} ({how.device}, {how.precision}, threads: {how.threads})"
    return f"{device}, torch {how.versions['torch']}, commit {how.commit}"


if __name__ == "__main__":
    main()
