"""Submit, ask, cancel: which worker processes run, and when. No torch here.

This module exports the names that other rooms need. Workers also use `queue`, `pool` and `machine`; the app
uses `private` for what must not be written to disk.
"""

from resnet_edu.jobs.estimate import Estimate, in_words
from resnet_edu.jobs.jobs import (
    answer_progress,
    ask,
    cancel,
    cancel_all,
    cancel_answer,
    expected,
    has_worker,
    prewarm,
    queued,
    release,
    replace,
    submit,
    submit_all,
)
from resnet_edu.jobs.limits import LimitError, Limits
from resnet_edu.jobs.pool import per_gpu, slots

__all__ = [
    "Estimate",
    "LimitError",
    "Limits",
    "answer_progress",
    "ask",
    "cancel",
    "cancel_all",
    "cancel_answer",
    "expected",
    "has_worker",
    "in_words",
    "per_gpu",
    "prewarm",
    "queued",
    "release",
    "replace",
    "slots",
    "submit",
    "submit_all",
]
