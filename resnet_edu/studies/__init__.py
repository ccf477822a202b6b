"""Studies: each answers one question from runs, by a decision rule fixed before any run. No torch here.

>>> from resnet_edu import studies
>>> studies.get("degradation").title
'Does a deeper net train worse?'

`claims` lists the sentences that they put to the test, and `ledger` their verdicts.
"""

from resnet_edu.runs import Shelf
from resnet_edu.studies import (
    before_skips,
    chain,
    clean_shortcuts,
    construction,
    convergence,
    copies,
    covariate_shift,
    degradation,
    dense_and_conv,
    depth_or_width,
    highway,
    identity_cost,
    lesions,
    long_branches,
    preactivation,
    projections,
    residual_depth,
    shattering,
    single_layers,
    thousand_layers,
    unlearnt_units,
    unrolled,
    vanishing,
    weight_decay,
    winners,
)
from resnet_edu.studies.claims import CLAIMS, Claim
from resnet_edu.studies.ledger import Entry, entries
from resnet_edu.studies.report import shown
from resnet_edu.studies.study import Study, Verdict

__all__ = ["CLAIMS", "Claim", "Entry", "Study", "Verdict", "get", "ledger_of", "names", "shown"]

_MODULES = (
    degradation,
    residual_depth,
    convergence,
    construction,
    vanishing,
    copies,
    unlearnt_units,
    identity_cost,
    single_layers,
    dense_and_conv,
    unrolled,
    weight_decay,
    lesions,
    preactivation,
    clean_shortcuts,
    highway,
    projections,
    thousand_layers,
    depth_or_width,
    winners,
    before_skips,
    covariate_shift,
    long_branches,
    shattering,
    chain,
)
"""In the order of the claims."""
_ALL: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}


def names() -> tuple[str, ...]:
    """Of all studies, in the order of the claims."""
    return tuple(_ALL)


def get(name: str) -> Study:
    """Raises `KeyError` with the names there are."""
    if name not in _ALL:
        raise KeyError(f"study is {name!r}; allowed: {', '.join(_ALL)}")
    return _ALL[name]


def ledger_of(shelf: Shelf, budget: str | None = None) -> list[Entry]:
    """Every claim with its verdicts, from the runs on this shelf and those that ship; at one budget, or at
    all (see `ledger.entries`)."""
    return entries(shelf, list(_ALL.values()), budget)
