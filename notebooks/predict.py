"""Guess before you measure: choose, set a slider, or draw the curve on empty axes; then see both.

>>> guess = predict("How many weights does the shortcut cost?", choices=["none", "one for each unit"])
>>> guess = predict("What training error will plain-56 end with?", between=(0, 100), unit="%")
>>> guess = predict("Sketch error against depth.", between=(0, 100), x=[8, 20, 56], curves=["plain"])
>>> guess.compare(measured)         # in a later cell

It needs anywidget. Without it, or to write a guess down in the cell, say `guess=…`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from guess_figures import beside_curves, beside_number
from lesson import say, show, show_widget

from resnet_edu.charts import style

Guess = str | float | Mapping[str, Sequence[float]]
WHY = "**Why?** One sentence: what explains the difference, or why were you right?"


def predict(
    question: str,
    *,
    choices: Sequence[str] = (),
    between: tuple[float, float] | None = None,
    unit: str = "",
    x: Sequence[float] = (),
    curves: Sequence[str] = (),
    titles: tuple[str, str] = ("", ""),
    log_y: bool = False,
    guess: Guess | None = None,
) -> Prediction:
    """Ask for a guess and show what is needed to make it.

    question  what is to be guessed
    choices   the answers to choose from; without them a number or curves are asked for
    between   smallest and largest number
    unit      of the numbers, such as "%"
    x         where the curves have points; without it one number is asked for
    curves    names of the curves to draw; "plain…" and "resnet…" have their own colours
    titles    of the axes
    log_y     whether equal steps upwards are equal factors
    guess     the answer, written in the cell: one of the choices, a number, or {curve: numbers}

    Raises `ValueError` where it is unclear what kind of answer is asked for.
    """
    if bool(choices) == (between is not None) or bool(len(x)) != bool(curves):
        raise ValueError("give either choices, or between for a number, or between, x and curves to draw")
    prediction = Prediction(
        question, list(choices), between or (0.0, 1.0), unit, list(x), list(curves), titles, log_y
    )
    if guess is not None:
        prediction.value = guess
    prediction.ask()
    return prediction


@dataclass
class Prediction:
    """A question and its guess: `value` is None, a choice, a number, or {curve: numbers}."""

    question: str
    choices: list[str]
    between: tuple[float, float]
    unit: str
    x: list[float]
    curves: list[str]
    titles: tuple[str, str]
    log_y: bool
    value: Guess | None = None
    why: str = ""
    how: str = "Measured"
    _widgets: list[Any] = field(default_factory=list, repr=False)

    @property
    def kind(self) -> str:
        return "choose" if self.choices else "draw" if self.curves else "slide"

    def ask(self) -> None:
        """Show the question with something to answer it by."""
        if widget := make_widget(self.kind, self._options(), self.value):
            self._widgets.append(widget)
            widget.observe(lambda change: setattr(self, "value", change["new"]), "value")
        how = {
            "choose": f"Choose: {' · '.join(self.choices)}.",
            "slide": self._scale(),
            "draw": self._scale(),
        }
        given = "" if self.value is None else " Your guess is written in the cell."
        show_widget(widget, f"**Predict.** {self.question}  \n{how[self.kind]}{given}")

    def compare(self, measured: Any, *, how: str = "Measured") -> None:
        """Show the answer beside the guess: the choice, the number, or {curve: numbers at x}.

        `how` says where the answer comes from, where it is not measured: "Counted", "By arithmetic".
        """
        self.how = how
        alt = f"{self.question} The guess, and what was measured."
        if self.kind == "draw":
            measured = {name: np.asarray(measured[name], dtype=float) for name in self.curves}
            show(beside_curves(self.x, self._drawn(), measured, self.titles, log=self.log_y), alt)
            say(self._gaps(measured))
        elif self.kind == "slide":
            title = self.titles[0] or self.unit
            show(beside_number(self.value, float(measured), self.between, title, log=self.log_y), alt)
            say(self._number(float(measured)))
        else:
            say(self._choice(str(measured)))
        if self.value is None:
            return
        widget = make_widget("why", {}, self.why or None)
        if widget:
            self._widgets.append(widget)
            widget.observe(lambda change: setattr(self, "why", change["new"]), "value")
        show_widget(widget, WHY)

    def _options(self) -> dict[str, Any]:
        colours = [style.COLOURS[style.net_of(name)] for name in self.curves]
        dashes = [style.DASHES[style.net_of(name)] for name in self.curves]
        return {
            "question": self.question, "choices": self.choices, "between": list(self.between),
            "unit": self.unit, "x": self.x, "curves": self.curves, "titles": list(self.titles),
            "log": self.log_y, "colours": colours, "dashes": dashes,
        }  # fmt: skip

    def _scale(self) -> str:
        low, high = self.between
        what = f"A line for each of {' and '.join(self.curves)}" if self.curves else "A number"
        return f"{what}, from {low:g} to {high:g}{_with(self.unit)}."

    def _choice(self, measured: str) -> str:
        if self.value is None:
            return f"{self.how}: **{measured}**. You made no guess this time."
        verdict = "As you said" if self.value == measured else f"You said “{self.value}”"
        return f"{self.how}: **{measured}**. {verdict}."

    def _number(self, measured: float) -> str:
        text = f"{self.how}: **{measured:.3g}{_with(self.unit)}**."
        if self.value is None:
            return f"{text} You made no guess this time."
        guess = float(self.value)
        if self.log_y:
            return f"{text} Your guess, {guess:.3g}, is {_factor(guess, measured)}."
        direction = "high" if guess > measured else "low"
        return f"{text} Your guess, {guess:.3g}, is {abs(guess - measured):.3g} too {direction}."

    def _gaps(self, measured: Mapping[str, np.ndarray]) -> str:
        lines = []
        for name, guess in self._drawn().items():
            truth = measured[name]
            if self.log_y:
                apart = np.exp(np.nanmean(np.abs(np.log(guess / truth))))
                lines.append(f"- {name}: you are off by a factor of {apart:.2g} on average")
            else:
                apart = np.nanmean(np.abs(guess - truth))
                lines.append(f"- {name}: you are off by {apart:.2g}{_with(self.unit)} on average")
        return "\n".join(lines) or "You drew nothing this time: here is what was measured."

    def _drawn(self) -> dict[str, np.ndarray]:
        drawn = self.value if isinstance(self.value, Mapping) else {}
        shaped = {
            name: np.array(points, dtype=float) for name, points in drawn.items() if name in self.curves
        }
        return {name: points for name, points in shaped.items() if len(points) == len(self.x)}


def make_widget(kind: str, options: dict[str, Any], value: Guess | None) -> Any:
    """The widget, or None where anywidget is not installed."""
    try:
        widget_class = _widget_class()
    except ImportError:
        return None
    return widget_class(kind=kind, options=options, value=value)


@cache
def _widget_class() -> type:
    import anywidget
    import traitlets

    class GuessWidget(anywidget.AnyWidget):
        """Traits: `kind` ("choose", "slide", "draw", "why"), `options` for it, and the guess, `value`."""

        _esm = Path(__file__).with_name("predict.js").read_text("utf-8")
        kind = traitlets.Unicode().tag(sync=True)
        options = traitlets.Dict().tag(sync=True)
        value = traitlets.Any(allow_none=True).tag(sync=True)

    return GuessWidget


def _factor(guess: float, measured: float) -> str:
    ratio = guess / measured
    return f"{ratio:.2g} times that" if ratio >= 1 else f"1/{1 / ratio:.2g} of that"


def _with(unit: str) -> str:
    return f" {unit}" if unit else ""
