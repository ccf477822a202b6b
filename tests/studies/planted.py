"""Tables that stand in for measured ones: `planted({"plain-20": [60, 70, 80]}, "train_error")`."""

from __future__ import annotations

import pandas as pd


def planted(values: dict[str, dict[str, list[float]]], **settings: object) -> pd.DataFrame:
    """One row per arm and seed. `values`: arm → value's name → its numbers by seed."""
    rows = [
        {
            "arm": arm,
            "seed": seed,
            **{name: numbers[seed] for name, numbers in named.items()},
            "run": f"{arm}-s{seed}",
            "state": "done",
            **settings,
        }
        for arm, named in values.items()
        for seed in range(len(next(iter(named.values()))))
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["arm", "seed", "run", "state"])


def errors(**of_arms: list[float]) -> pd.DataFrame:
    """The same number as training and test error, by arm; '_' in a name is '-'."""
    return planted(
        {
            arm.replace("_", "-"): {"train_error": numbers, "test_error": numbers}
            for arm, numbers in of_arms.items()
        }
    )
