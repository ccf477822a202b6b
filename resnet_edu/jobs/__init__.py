"""Submit, ask, cancel: which worker processes run, and when. No torch here.

Every name that other rooms need is handed out here, but for `queue`, `pool` and `machine`, which the
workers themselves use, and `private`, for what must not touch the disk.
"""

from resnet_edu.jobs.jobs import (
    answer_progress,
    ask,
    attended,
    cancel,
    cancel_all,
    cancel_answer,
    stand_by,
    submit,
    submit_all,
    supersede,
    withdraw,
)
from resnet_edu.jobs.pool import per_gpu, slots

__all__ = [
    "answer_progress",
    "ask",
    "attended",
    "cancel",
    "cancel_all",
    "cancel_answer",
    "per_gpu",
    "slots",
    "stand_by",
    "submit",
    "submit_all",
    "supersede",
    "withdraw",
]
