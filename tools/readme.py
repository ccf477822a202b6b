"""Writes the README's measured passages from the recorded runs; tests hold the two together.

python tools/readme.py
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from resnet_edu import references, runs, studies
from resnet_edu.experiment import budgets
from resnet_edu.runs import ComputeConfig, Run

README = Path(__file__).parent.parent / "README.md"
PASSAGE = r"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
CIFAR10_NETS, SEEDS = ("plain-20", "resnet-20", "plain-56", "resnet-56"), (0, 1, 2)
UNNUMBERED = "drawn in Fig. 6 without a number"
QUARTER = (
    "Ours are trained for a quarter of the paper's steps, so the columns are not the same experiment. The "
    "last column is the range of public reproductions, not ours."
)


def main() -> None:
    README.write_text(rewritten(README.read_text("utf-8")), "utf-8")


def rewritten(text: str) -> str:
    """The README with every measured passage made anew."""
    for name in re.findall(r"<!-- measured: (\S+) -->", text):
        passage = PASSAGES[name]() if name in PASSAGES else degradation_results(name.split("-", 1)[1])
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


def cifar10_errors() -> str:
    """The recorded CIFAR-10 trainings at the budget `quarter`, beside what the paper reports of each net."""
    trained = [
        (net, runs.recorded().latest(budgets.at("quarter", net, s))) for net in CIFAR10_NETS for s in SEEDS
    ]
    found = [(net, run) for net, run in trained if run is not None and run.status().complete]
    table = pd.DataFrame([_errors(net, run) for net, run in found])
    return f"{_table(table)}\n\n{QUARTER}\n\n{provenance([run for _, run in found])}"


def _errors(net: str, run: Run) -> dict[str, str]:
    """A run's last evaluation, of all images; and theirs, with how long they trained."""
    last = run.evals().iloc[-1]
    paper, others = references.reported(net), references.reproduced(net)
    steps = f"{references.PAPER_STEPS:,} steps"
    return {
        "net": net,
        "steps here": f"{int(last['step']):,}",
        "training error % here": f"{last['train_error']:.2f}",
        "test error % here": f"{last['test_error']:.2f}",
        f"He 2015, test error % after {steps}": f"{paper.error:.2f} ({paper.place})" if paper else UNNUMBERED,
        f"public reproductions, test error % after {steps}": f"{others.low:g}–{others.high:g}"
        if others
        else "",
    }


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


def claims() -> str:
    """The claims that recorded runs put to the test, with each verdict and its main effect."""
    tested = [entry for entry in studies.ledger_of(runs.recorded()) if entry.verdict is not None]
    return _table(pd.DataFrame([_claim(entry) for entry in tested]))


def _claim(entry: studies.Entry) -> dict[str, str]:
    effects = entry.verdict.effects if entry.verdict is not None else ()
    return {
        "claim": f"{entry.claim.number}. {entry.claim.sentence}",
        "said by": entry.claim.said_by,
        "verdict here": f"**{entry.word}**",
        "at": entry.budget,
        "main effect (95 % bounds)": f"{effects[0].label}: {effects[0].short}" if effects else "",
        "study": f"`{entry.study}`",
    }


PASSAGES = {"cifar10-errors": cifar10_errors, "claims": claims}


if __name__ == "__main__":
    main()
