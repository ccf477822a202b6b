"""Studies: each answers one question from runs, by a decision rule fixed before any run. No torch here.

>>> from resnet_edu import studies
>>> studies.names()
('degradation',)
"""

from resnet_edu.studies import degradation
from resnet_edu.studies.report import shown
from resnet_edu.studies.study import Study, Verdict

__all__ = ["Study", "Verdict", "get", "names", "shown"]

_ALL = {study.name: study for study in (degradation.STUDY,)}


def names() -> tuple[str, ...]:
    """Of all studies."""
    return tuple(_ALL)


def get(name: str) -> Study:
    """Raises `KeyError` with the names there are."""
    if name not in _ALL:
        raise KeyError(f"study is {name!r}; allowed: {', '.join(_ALL)}")
    return _ALL[name]
