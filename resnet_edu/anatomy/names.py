"""Names of a net's parts as people read them: the module "stages.0.1" is stage 1, unit 2."""

from __future__ import annotations


def part_label(name: str) -> str:
    """'stages.0.1' → 'stage 1, unit 2'; 'stages.0.1.add' → 'stage 1, unit 2, add'; others unchanged."""
    first, *numbers = name.split(".", 3)
    if first != "stages" or len(numbers) < 2:
        return name
    stage, unit, *inside = numbers
    return ", ".join([f"stage {int(stage) + 1}", f"unit {int(unit) + 1}", *inside])


def full_label(name: str) -> str:
    """'stages.0.1' → 'stage 1, unit 2 (stages.0.1)': with the module's name, where the label differs."""
    label = part_label(name)
    return name if label == name else f"{label} ({name})"
