"""Checks of what a learner writes in a lesson: one message, the most useful first, and never the solution.

A check plants weights and inputs, and compares what comes out with the right answer and with what known
mistakes compute. So an answer written in another way passes, and a mistake is named.

`exercise.py` compares, `calling.py` calls the learner's code; one file for each subject has the exercises.
"""

from resnet_edu.exercises import check
from resnet_edu.exercises.diagnosis import Diagnosis

__all__ = ["Diagnosis", "check"]
