"""What a check says: one message, and in which of three states the exercise is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["right", "wrong", "not attempted"]
_SIGNS = {"right": "✓", "wrong": "✗", "not attempted": "○"}


@dataclass(frozen=True)
class Diagnosis:
    """One message about an answer. It is true where the answer is right; a notebook shows it as one line."""

    state: State
    message: str

    def __bool__(self) -> bool:
        return self.state == "right"

    def __str__(self) -> str:
        return f"{_SIGNS[self.state]} {self.message}"

    def _repr_markdown_(self) -> str:
        return f"**{_SIGNS[self.state]} {self.state.capitalize()}.** {self.message}"


class Ended(Exception):
    """The check has its message before all planted cases were asked."""

    def __init__(self, state: State, message: str) -> None:
        super().__init__(message)
        self.diagnosis = Diagnosis(state, message)


def wrong(message: str) -> Ended:
    """To raise where what the learner wrote cannot be asked any further."""
    return Ended("wrong", message)
