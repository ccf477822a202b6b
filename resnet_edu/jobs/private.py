"""Questions answered over a pipe, by one warm child process: nothing that is asked lands on disk.

For a learner's own picture, and for nets that are no run. `jobs.ask` is for everything that should be
kept. No torch here: the child (`child`) has it. What goes through the pipes is a length, then a NumPy
archive of plain arrays with the facts as JSON; nothing is unpickled on either side.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

from resnet_edu.runs import Run

TIMEOUT = 60.0  # seconds
FACTS = "facts.json"
COMMAND = (sys.executable, "-m", "resnet_edu.workers.private")
_LENGTH = 8  # bytes
_asking, _state = threading.Lock(), threading.Lock()
_newest: Counter[str] = Counter()
_child: subprocess.Popen | None = None


class DirectError(ValueError):
    """Why there is no answer, for people to read."""


class Superseded(DirectError):
    """The same asker has asked something newer meanwhile."""


def ask(
    source: Run | str, probe: str, *, asker: str = "", timeout: float = TIMEOUT, **arguments: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts, and arrays by name, of a run's net or of "torchvision:resnet-50"; arguments may be arrays.

    Questions are answered one after another. While one waits and its `asker` (a browser's session) asks
    another, the older raises `Superseded`: of a slider's many values only the newest is computed. Raises
    `DirectError` with the probe's own words for what cannot be asked, or when the child died or computed
    longer than `timeout` seconds; it is then started anew by the next question.
    """
    import numpy as np

    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    question = {
        "run": str(source.path) if isinstance(source, Run) else None,
        "source": source if isinstance(source, str) else None,
        "probe": probe,
        "arguments": {name: value for name, value in arguments.items() if name not in arrays},
    }
    content = packed(question, arrays)
    with _state:
        _newest[asker] += 1
        mine = _newest[asker]
    with _asking:
        if asker and mine != _newest[asker]:
            raise Superseded("a newer question of the same asker takes the place of this one")
        facts, arrays = unpacked(_exchange(content, timeout))
    if "error" in facts:
        raise DirectError(facts["error"])
    return facts, arrays


def warm() -> None:
    """Start the child, if it is not there, so that the first answer need not wait for its imports."""
    global _child
    with _state:
        if _child is not None and _child.poll() is not None:
            _end(_child)
            _child = None
        if _child is None:
            _child = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
            )


def stop() -> None:
    """End the child; the next question starts another."""
    with _state:
        if _child is not None:
            _end(_child)


def _exchange(content: bytes, timeout: float) -> bytes:
    warm()
    child = _child
    assert child is not None
    assert child.stdin is not None
    assert child.stdout is not None
    late = threading.Event()

    def give_up() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(timeout, give_up)
    timer.start()
    answer = None
    try:
        send(child.stdin, content)
        answer = receive(child.stdout)
    except (OSError, EOFError):
        pass  # it is gone
    timer.cancel()
    timer.join()
    if late.is_set() or answer is None:
        _end(child)
    if answer is None:
        died = "the process that computed the answer died"
        what = f"no answer within {timeout:g} seconds" if late.is_set() else died
        raise DirectError(f"{what}: ask for less, or try again")
    return answer


def _end(child: subprocess.Popen) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):  # what was not sent to a dead process
            pipe.close()  # type: ignore[union-attr]


def packed(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Facts (plain data) and arrays by name as one NumPy archive."""
    import numpy as np

    content = io.BytesIO()
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(content, allow_pickle=False, **{FACTS: text}, **arrays)
    return content.getvalue()


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `packed` was given; raises `ValueError` for arrays that only pickle could read."""
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(arrays.pop(FACTS).tobytes()), arrays


def send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(_LENGTH, "big") + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """The next message; raises `EOFError` where the other side has gone."""
    length = pipe.read(_LENGTH)
    content = pipe.read(int.from_bytes(length, "big")) if len(length) == _LENGTH else b""
    if not content or len(content) < int.from_bytes(length, "big"):
        raise EOFError
    return content
