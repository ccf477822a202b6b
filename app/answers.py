"""Questions to trained nets: a worker process answers them, the page waits and reads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import address
import numpy as np
import streamlit as st
from words import in_words

from resnet_edu import jobs
from resnet_edu.runs import Run

RHYTHM = 0.4  # seconds between two looks
PATIENCE = 90.0  # seconds; a worker that starts on a busy machine needs some ten
Question = tuple[Run, str, dict[str, Any]]
Answer = tuple[dict[str, Any], dict[str, np.ndarray]]


def answers(
    questions: Sequence[Question], waiting: str, meanwhile: Callable[[], None] = lambda: None
) -> list[Answer] | None:
    """Facts and arrays for each question, in order. While there are none the page says `waiting`, does
    `meanwhile`, returns None here, and is drawn again when they have come. An error is shown, and None
    returned."""
    folders = [jobs.ask(run, probe, **arguments) for run, probe, arguments in questions]
    if not _complete(folders):
        st.fragment(_wait, run_every=RHYTHM)(questions, waiting, time.monotonic())
        meanwhile()
        return None
    found = [_read(str(folder), (folder / jobs.ANSWER).stat().st_mtime_ns) for folder in folders]
    for error in dict.fromkeys(facts["error"] for facts, _ in found if "error" in facts):
        st.error(address.escaped(f"{error}."))
    return None if any("error" in facts for facts, _ in found) else found


def _complete(folders: Sequence[Path]) -> bool:
    return all((folder / jobs.ANSWER).exists() for folder in folders)


@in_words()
def _wait(questions: Sequence[Question], waiting: str, since: float) -> None:
    if _complete([jobs.ask(run, probe, **arguments) for run, probe, arguments in questions]):
        st.rerun()
    if time.monotonic() - since < PATIENCE:
        st.status(waiting, state="running")
    else:
        st.error(
            f"No answer for {PATIENCE:.0f} seconds. `workers.log` in the runs' `.queue` folder may say why."
        )


@st.cache_resource(max_entries=256, show_spinner=False)
def _read(folder: str, written: int) -> Answer:
    """`written` tells answers of different times apart."""
    facts = json.loads((Path(folder) / jobs.ANSWER).read_text("utf-8"))
    if "error" in facts:
        return facts, {}
    with np.load(Path(folder) / "answer.npz", allow_pickle=False) as arrays:
        return facts, dict(arrays)
