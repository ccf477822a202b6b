"""All checks: each takes what a learner wrote, and gives a `Diagnosis` with one message.

>>> from resnet_edu.exercises import check
>>> check.residual_unit(MyUnit)
"""

from resnet_edu.exercises.counting import receptive_field, unit_parameters, verdict
from resnet_edu.exercises.deeper import deepen
from resnet_edu.exercises.gradient_flow import agreement, first_to_last, split_at_plus
from resnet_edu.exercises.gradients import gradient_norms, output_gradient
from resnet_edu.exercises.paths import path_count, path_lengths, path_terms
from resnet_edu.exercises.shortcuts import option_a, option_b, silence
from resnet_edu.exercises.units import plain_unit, residual_unit

__all__ = [
    "agreement",
    "deepen",
    "first_to_last",
    "gradient_norms",
    "option_a",
    "option_b",
    "output_gradient",
    "path_count",
    "path_lengths",
    "path_terms",
    "plain_unit",
    "receptive_field",
    "residual_unit",
    "silence",
    "split_at_plus",
    "unit_parameters",
    "verdict",
]
