"""Probe requests: the page queues them, a worker process answers, and the page polls for the answers.

A fast slider makes many requests, but only the last one matters: a new request cancels this session's earlier
ones at the same place. Requests that other sessions need stay queued: each waiting page resubmits its
requests at every poll.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
import visitor
from errors import sentence, show_errors

from resnet_edu import jobs
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ANSWER, AnswerProgress, ProbeAnswer, answer_folder, read_answer

POLL_SECONDS = 0.4
TIMEOUT = 90.0  # seconds without any worker; on a busy machine a worker takes about ten to start
Request = tuple[Run, str, Mapping[str, Any]]
"""A run, a probe's name, and its arguments."""
Place = tuple[str, ...]


def reset_errors() -> None:
    """Start of a page rerun: forget which errors were already shown."""
    st.session_state["errors-shown"] = set()


def ask_probes(
    requests: Sequence[Request],
    waiting: str,
    meanwhile: Callable[[], None] = lambda: None,
    *,
    place: str = "",
) -> list[ProbeAnswer] | None:
    """The answers, in order; None while some are missing, and the page reruns when all have arrived. None
    after errors too, each of which the page shows once.

    - `requests`: what to ask.
    - `waiting`: a sentence to show meanwhile.
    - `meanwhile`: draws something else meanwhile.
    - `place`: tells requests of the same probes apart, where a page has several. New requests at a place
      cancel this session's earlier ones there.
    """
    folders, here = _ask(requests), (place, *(probe for _, probe, _ in requests))
    _replace(here, folders)
    if not _complete(folders):
        st.fragment(_wait, run_every=POLL_SECONDS)(requests, waiting, here, time.monotonic())
        meanwhile()
        return None
    _prewarm()
    found = [_read(str(folder), (folder / ANSWER).stat().st_mtime_ns) for folder in folders]
    for error in (facts["error"] for facts, _ in found if "error" in facts):
        _show_once(error)
    return None if any("error" in facts for facts, _ in found) else found


@st.cache_resource(ttl=30, show_spinner=False)
def _prewarm() -> None:
    """Start a worker for the next request; every 30 seconds is often enough."""
    jobs.prewarm()


def _show_once(error: str) -> None:
    """Show an error that many answers of a page share, such as missing data, once."""
    if error not in st.session_state["errors-shown"]:
        st.session_state["errors-shown"].add(error)
        st.error(sentence(error))


def _ask(requests: Sequence[Request]) -> list[Path]:
    return [jobs.ask(run, probe, client=visitor.client(), **arguments) for run, probe, arguments in requests]


def _replace(here: Place, folders: Sequence[Path]) -> None:
    asked: dict[Place, list[Path]] = st.session_state.setdefault("asked", {})
    before, asked[here] = asked.get(here, []), list(folders)
    jobs.replace(set(before).difference(*asked.values()), folders, visitor.client())


def _complete(folders: Sequence[Path]) -> bool:
    return all((folder / ANSWER).exists() for folder in folders)


@show_errors()
def _wait(requests: Sequence[Request], waiting: str, here: Place, since: float) -> None:
    if st.session_state["asked"].get(here) != [answer_folder(*request) for request in requests]:
        return  # the page has made newer requests, and reruns
    folders = _ask(requests)
    if _complete(folders):
        st.rerun()
    steps = [jobs.answer_progress(folder) for folder in folders]
    if any(step.total for step in steps):
        st.progress(*_so_far(steps, waiting))
    elif time.monotonic() - since < TIMEOUT or any(map(jobs.has_worker, folders)):
        st.status(waiting, state="running")
    else:
        st.error(
            f"No answer for {TIMEOUT:.0f} seconds. `workers.log` in the runs' `.queue` folder may say why."
        )


def _so_far(steps: Sequence[AnswerProgress], waiting: str) -> tuple[float, str]:
    """The finished share of long answers, and a text with the time left at the pace so far. A worker computes
    them one after the other."""
    rows = max(step.total for step in steps)
    done = sum(rows if step.state == "done" else step.done for step in steps)
    share = min(done / (rows * len(steps)), 1.0)
    begun, seconds = sum(step.done for step in steps), sum(step.seconds for step in steps)
    if not begun:
        return share, waiting
    left = seconds / begun * (rows * len(steps) - done)
    return share, f"{waiting} · about " + (f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")


@st.cache_resource(max_entries=256, show_spinner=False)
def _read(folder: str, written: int) -> ProbeAnswer:
    """`written`, a time, is part of the cache's key."""
    return read_answer(folder)
