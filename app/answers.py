"""Questions to trained nets: a worker process answers them, the page waits and reads.

A reader who moves a slider fast asks for one answer after another and waits only for the last: what this
session asked before, at the same place, is withdrawn. What others want stays asked, since every page
that waits asks again at each look.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import address
import numpy as np
import streamlit as st
from words import in_words

from resnet_edu import jobs
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ANSWER, AnswerProgress, answer_folder, read_answer

RHYTHM = 0.4  # seconds between two looks
PATIENCE = 90.0  # seconds without any worker; one that starts on a busy machine needs some ten
Question = tuple[Run, str, dict[str, Any]]
Answer = tuple[dict[str, Any], dict[str, np.ndarray]]
Place = tuple[str, ...]


def drawn_anew() -> None:
    """A run of the whole page begins: nothing that went wrong has been said in it."""
    st.session_state["errors-said"] = set()


def answers(
    questions: Sequence[Question],
    waiting: str,
    meanwhile: Callable[[], None] = lambda: None,
    *,
    place: str = "",
) -> list[Answer] | None:
    """Facts and arrays for each question, in order. While there are none the page says `waiting`, does
    `meanwhile`, returns None here, and is drawn again when they have come. An error is shown, once a page,
    and None returned.

    These questions supersede those that the session asked before at the same place: by the same probes, and
    where a page asks those in two places, with the same `place`.
    """
    folders, here = _ask(questions), (place, *(probe for _, probe, _ in questions))
    _supersede(here, folders)
    if not _complete(folders):
        st.fragment(_wait, run_every=RHYTHM)(questions, waiting, here, time.monotonic())
        meanwhile()
        return None
    _stand_by()
    found = [_read(str(folder), (folder / ANSWER).stat().st_mtime_ns) for folder in folders]
    for error in (facts["error"] for facts, _ in found if "error" in facts):
        _say_once(error)
    return None if any("error" in facts for facts, _ in found) else found


@st.cache_resource(ttl=30, show_spinner=False)
def _stand_by() -> None:
    """A reader who has seen one answer asks for another soon; once in a while is often enough to look."""
    jobs.prewarm()


def _say_once(error: str) -> None:
    """What ails many answers of a page, such as missing data, is said at the first."""
    if error not in st.session_state["errors-said"]:
        st.session_state["errors-said"].add(error)
        st.error(address.escaped(f"{error}."))


def _ask(questions: Sequence[Question]) -> list[Path]:
    return [jobs.ask(run, probe, client=_client(), **arguments) for run, probe, arguments in questions]


def _client() -> str:
    """This session, as opposed to other readers and other tabs."""
    return st.session_state.setdefault("asker", uuid.uuid4().hex)


def _supersede(here: Place, folders: Sequence[Path]) -> None:
    asked: dict[Place, list[Path]] = st.session_state.setdefault("asked", {})
    before, asked[here] = asked.get(here, []), list(folders)
    jobs.replace(set(before).difference(*asked.values()), folders, _client())


def _complete(folders: Sequence[Path]) -> bool:
    return all((folder / ANSWER).exists() for folder in folders)


@in_words()
def _wait(questions: Sequence[Question], waiting: str, here: Place, since: float) -> None:
    if st.session_state["asked"].get(here) != [answer_folder(*question) for question in questions]:
        return  # the page has moved on, and draws itself anew
    folders = _ask(questions)
    if _complete(folders):
        st.rerun()
    steps = [jobs.answer_progress(folder) for folder in folders]
    if any(step.total for step in steps):
        st.progress(*_so_far(steps, waiting))
    elif time.monotonic() - since < PATIENCE or any(map(jobs.has_worker, folders)):
        st.status(waiting, state="running")
    else:
        st.error(
            f"No answer for {PATIENCE:.0f} seconds. `workers.log` in the runs' `.queue` folder may say why."
        )


def _so_far(steps: Sequence[AnswerProgress], waiting: str) -> tuple[float, str]:
    """The share of long answers that is done, and words with the time left at the pace so far: they are
    computed one after the other."""
    rows = max(step.total for step in steps)
    done = sum(rows if step.state == "done" else step.done for step in steps)
    share = min(done / (rows * len(steps)), 1.0)
    begun, seconds = sum(step.done for step in steps), sum(step.seconds for step in steps)
    if not begun:
        return share, waiting
    left = seconds / begun * (rows * len(steps) - done)
    return share, f"{waiting} · about " + (f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")


@st.cache_resource(max_entries=256, show_spinner=False)
def _read(folder: str, written: int) -> Answer:
    """`written` tells answers of different times apart."""
    return read_answer(folder)
