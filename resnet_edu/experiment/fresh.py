"""Nets at their start, which no run has to hold: an experiment written as the name of a probe's source.

    >>> fresh_source(Experiment(seed=3))
    'fresh:seed=3'

Names as in `Experiment.from_query`: 'fresh:net=plain-110&width=8&init=orthogonal' will do.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from resnet_edu.experiment.data import ImageFolder
from resnet_edu.experiment.experiment import Experiment
from resnet_edu.experiment.spec import SpecError

__all__ = ["FRESH", "fresh_experiment", "fresh_source"]

FRESH = "fresh:"
LONGEST = 2000  # characters


def fresh_source(experiment: Experiment) -> str:
    """The source by which probes are asked about this experiment's net before its first step."""
    return FRESH + urlencode(experiment.to_query())


def fresh_experiment(source: str) -> Experiment:
    """Reads `fresh_source`. Raises `SpecError`, with field, value and what is allowed.

    A source can come from a URL. So it may not name a folder of this machine: data are the sets that have a
    name.
    """
    text = source.removeprefix(FRESH)
    if len(text) > LONGEST:
        raise SpecError(f"a fresh net takes at most {LONGEST} characters, not {len(text)}")
    query = dict(parse_qsl(text, keep_blank_values=True))
    experiment = Experiment.from_query(query)
    if isinstance(experiment.data, ImageFolder):
        raise SpecError("data is 'imagefolder'; a fresh net takes digits, cifar10 or fashion-mnist")
    return experiment
