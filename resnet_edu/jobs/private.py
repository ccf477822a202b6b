"""Probes answered over a pipe by warm child processes; neither question nor answer is written to disk.

For a learner's own picture, and for nets that are no run. `jobs.ask` is for everything that should be
kept. No torch here: the children (`workers.private`) have it. One answers quick questions and another slow
ones, so that no visitor's quick question waits behind another's slow one. Neither downloads anything:
`downloads` does.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from resnet_edu.experiment.probes import speed_of
from resnet_edu.jobs.pipe import FACTS, Child, ProbeError, pack, receive, send, unpack
from resnet_edu.runs import Run
from resnet_edu.runs.answers import ProbeAnswer

__all__ = [
    "FACTS",
    "ProbeError",
    "Superseded",
    "WeightsMissing",
    "ask",
    "key_of",
    "pack",
    "prewarm",
    "receive",
    "send",
    "stop",
    "unpack",
]

TIMEOUT = 60.0  # seconds
POLL_SECONDS = 0.2
COMMAND = (sys.executable, "-m", "resnet_edu.workers.private")
QUICK, SLOW = LANES = "quick", "slow"
TORCHVISION = "torchvision:"


class Superseded(ProbeError):
    """The same client has asked something newer meanwhile."""


class WeightsMissing(ProbeError):
    """The net's weights are not on this machine. `net` is its name; `downloads.start` fetches them."""

    def __init__(self, message: str, net: str) -> None:
        super().__init__(message)
        self.net = net


def ask(
    source: Run | str,
    probe: str,
    *,
    client: str = "",
    timeout: float = TIMEOUT,
    on_wait: Callable[[], object] = lambda: None,
    **arguments: Any,
) -> ProbeAnswer:
    """The answer of a probe on a run's net or on "torchvision:resnet-50"; waits for it.

    - `client`: who asks, such as a browser's session. While one of its questions waits and it asks another,
      the older raises `Superseded`: of a slider's many values only the newest is computed.
    - `timeout`: seconds of computing, after which the child is ended; the next question starts another.
    - `on_wait`: called a few times a second. What it raises is raised here, and the question is withdrawn
      unless it is being computed or another client waits for it.
    - `arguments`: the probe's own; they may be arrays.

    Raises `ProbeError` with the probe's own words for what cannot be asked, and when the child died or took
    too long; `WeightsMissing` for a net of torchvision's that is not on this machine.
    """
    import numpy as np

    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in arguments.items() if name not in arrays}
    asked = _asked(source, probe, plain)
    lane = _lanes[_lane_of(source, probe)]
    ticket = lane.put(_Question(key_of(source, probe, arguments), pack(asked, arrays), timeout), client)
    try:
        while True:
            wait([ticket], POLL_SECONDS)
            if ticket.done():
                answer = ticket.result()
                break
            on_wait()
    finally:
        lane.withdraw(ticket)
    if answer.error is not None:
        if net := answer.facts.get("missing"):
            raise WeightsMissing(answer.error, str(net))
        raise ProbeError(answer.error)
    return answer


def key_of(source: Run | str, probe: str, arguments: Mapping[str, Any]) -> str:
    """Equal for equal questions: a digest of the source, the probe and its arguments, arrays included."""
    import numpy as np

    digest = hashlib.sha256()
    plain = {name: value for name, value in arguments.items() if not isinstance(value, np.ndarray)}
    digest.update(json.dumps(_asked(source, probe, plain), sort_keys=True).encode())
    for name, value in sorted(arguments.items()):
        if isinstance(value, np.ndarray):
            digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
    return digest.hexdigest()


def prewarm() -> None:
    """Start the child for quick questions if it is not running, so that the first one need not wait for its
    imports."""
    _lanes[QUICK].child.running(COMMAND)


def stop() -> None:
    """End the children; the next question starts another."""
    for lane in _lanes.values():
        lane.child.stop()


def _asked(source: Run | str, probe: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    path, name = (str(source.path), None) if isinstance(source, Run) else (None, source)
    return {"run": path, "source": name, "probe": probe, "arguments": dict(arguments)}


def _lane_of(source: Run | str, probe: str) -> str:
    """torchvision's nets are large, so that every question to them is slow."""
    large = isinstance(source, str) and source.startswith(TORCHVISION)
    return SLOW if large or speed_of(probe) != QUICK else QUICK


@dataclass(eq=False)
class _Question:
    """One question, and the clients that wait for its answer by their tickets."""

    key: str
    content: bytes
    timeout: float
    tickets: dict[Future[ProbeAnswer], str] = field(default_factory=dict)


class _Lane:
    """A child, and the questions that wait for it. A thread sends them one after another, oldest first; a
    client has one of them at most, so that all clients have their turn."""

    def __init__(self) -> None:
        self.child = Child()
        self.waiting: dict[str, _Question] = {}
        self.computing: _Question | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, question: _Question, client: str) -> Future[ProbeAnswer]:
        """Wait for the answer by a ticket. An equal question that waits or is computed is joined."""
        ticket: Future[ProbeAnswer] = Future()
        with self._changed:
            if client:
                self._supersede(client)
            found = self.computing
            if found is None or found.key != question.key:
                found = self.waiting.setdefault(question.key, question)
            found.tickets[ticket] = client
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, daemon=True, name="direct questions")
                self._thread.start()
            self._changed.notify()
        return ticket

    def withdraw(self, ticket: Future[ProbeAnswer]) -> None:
        """A question for which no client waits any more leaves the queue."""
        with self._changed:
            for question in list(self.waiting.values()):
                if question.tickets.pop(ticket, None) is not None and not question.tickets:
                    del self.waiting[question.key]

    def _supersede(self, client: str) -> None:
        for question in list(self.waiting.values()):
            for ticket in [each for each, whose in question.tickets.items() if whose == client]:
                del question.tickets[ticket]
                newer = "a newer question of the same client takes the place of this one"
                ticket.set_exception(Superseded(newer))
            if not question.tickets:
                del self.waiting[question.key]

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self.waiting:
                    self._changed.wait()
                question = self.computing = self.waiting.pop(next(iter(self.waiting)))
            try:
                content = _exchange(self.child, question.content, question.timeout)
                answer, error = unpack(content), None
            except Exception as raised:
                answer, error = None, raised
            with self._changed:
                self.computing = None
                for ticket in question.tickets:
                    ticket.set_exception(error) if answer is None else ticket.set_result(answer)


def _exchange(child: Child, content: bytes, timeout: float) -> bytes:
    return child.exchange(content, timeout, COMMAND)


_lanes: Mapping[str, _Lane] = {name: _Lane() for name in LANES}
