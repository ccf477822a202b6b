"""What a long question yields on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Kept = Mapping[str, np.ndarray] | None


@dataclass(frozen=True)
class Partial:
    """The answer as far as it goes: `done` of `total` rows, NaN in the arrays where nothing was computed.

    A long probe is a generator `probe(net, data, kept, /, *, arguments)` of these; the last one, with
    `done == total`, is the answer. `kept` are the arrays of an earlier one, to go on from, or None.
    """

    done: int
    total: int
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]
