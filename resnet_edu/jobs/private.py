"""Probes answered over a pipe by one warm child process; neither question nor answer is written to disk.

For a learner's own picture, and for nets that are no run. `jobs.ask` is for everything that should be
kept. No torch here: the child (`workers.private`) has it. A message is its length, then a NumPy archive of
plain arrays with the facts as JSON; nothing is unpickled on either side.
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
from resnet_edu.runs.answers import ProbeAnswer

TIMEOUT = 60.0  # seconds
FACTS = "facts.json"
COMMAND = (sys.executable, "-m", "resnet_edu.workers.private")
_LENGTH = 8  # bytes
_exchange_lock, _state_lock = threading.Lock(), threading.Lock()
_newest: Counter[str] = Counter()
_child: subprocess.Popen[bytes] | None = None


class ProbeError(ValueError):
    """Why there is no answer, as a sentence for the reader."""


class Superseded(ProbeError):
    """The same client has asked something newer meanwhile."""


def ask(
    source: Run | str, probe: str, *, client: str = "", timeout: float = TIMEOUT, **arguments: Any
) -> ProbeAnswer:
    """The answer of a probe on a run's net or on "torchvision:resnet-50"; waits for it.

    Questions are answered one after another. While one waits and its `client` (a browser's session) asks
    another, the older raises `Superseded`: of a slider's many values only the newest is computed. Raises
    `ProbeError` with the probe's own words for what cannot be asked, or when the child died or computed
    longer than `timeout` seconds; the next question starts a new child. `arguments` are the probe's own;
    they may be arrays.
    """
    import numpy as np

    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    question = {
        "run": str(source.path) if isinstance(source, Run) else None,
        "source": source if isinstance(source, str) else None,
        "probe": probe,
        "arguments": {name: value for name, value in arguments.items() if name not in arrays},
    }
    content = pack(question, arrays)
    with _state_lock:
        _newest[client] += 1
        mine = _newest[client]
    with _exchange_lock:
        if client and mine != _newest[client]:
            raise Superseded("a newer question of the same client takes the place of this one")
        answer = unpack(_exchange(content, timeout))
    if answer.error is not None:
        raise ProbeError(answer.error)
    return answer


def prewarm() -> None:
    """Start the child if it is not running, so that the first answer need not wait for its imports."""
    _running_child()


def stop() -> None:
    """End the child; the next question starts another."""
    with _state_lock:
        if _child is not None:
            _end(_child)


def _running_child() -> subprocess.Popen[bytes]:
    global _child
    with _state_lock:
        if _child is not None and _child.poll() is not None:
            _end(_child)
            _child = None
        if _child is None:
            _child = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for its parent; it ends with the pipe
                creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
            )
        return _child


def _exchange(content: bytes, timeout: float) -> bytes:
    child = _running_child()
    assert child.stdin is not None
    assert child.stdout is not None
    late = threading.Event()

    def give_up() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(timeout, give_up)
    timer.start()
    answer = None
    with contextlib.suppress(OSError, EOFError):  # the child died
        send(child.stdin, content)
        answer = receive(child.stdout)
    timer.cancel()
    timer.join()
    if late.is_set() or answer is None:
        _end(child)
    if answer is None:
        died = "the process that computed the answer died"
        what = f"no answer within {timeout:g} seconds" if late.is_set() else died
        raise ProbeError(f"{what}: ask for less, or try again")
    return answer


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):  # closing flushes to a process that died
            if pipe is not None:
                pipe.close()


def pack(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Facts (plain data) and arrays by name as one NumPy archive."""
    import numpy as np

    content = io.BytesIO()
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(content, allow_pickle=False, **{FACTS: text}, **arrays)
    return content.getvalue()


def unpack(content: bytes) -> ProbeAnswer:
    """What `pack` was given; raises `ValueError` for arrays that only pickle could read."""
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    return ProbeAnswer(json.loads(arrays.pop(FACTS).tobytes()), arrays)


def send(pipe: IO[bytes], content: bytes) -> None:
    """One message."""
    pipe.write(len(content).to_bytes(_LENGTH, "big") + content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """The next message; raises `EOFError` where the process at the other end is gone."""
    length = pipe.read(_LENGTH)
    content = pipe.read(int.from_bytes(length, "big")) if len(length) == _LENGTH else b""
    if not content or len(content) < int.from_bytes(length, "big"):
        raise EOFError
    return content
