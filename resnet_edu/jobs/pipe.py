"""A child process that answers questions over a pipe, and the messages on that pipe. No torch here.

A message is its length, then a NumPy archive of plain arrays with the facts as JSON; nothing is unpickled on
either side.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from resnet_edu.runs.answers import ProbeAnswer

FACTS = "facts.json"
_LENGTH = 8  # bytes


class ProbeError(ValueError):
    """Why there is no answer, as a sentence for the reader."""


class Child:
    """A process that is started when it is needed, and again after it died."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def running(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """The process; started now unless it runs."""
        with self._lock:
            if self.process is not None and self.process.poll() is not None:
                _end(self.process)
                self.process = None
            if self.process is None:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                    start_new_session=True,  # Ctrl-C is for its parent; it ends with the pipe
                    creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
                )
            return self.process

    def exchange(self, content: bytes, timeout: float, command: Sequence[str]) -> bytes:
        """Send a question, and wait for the answer. Raises `ProbeError` when the process dies, or when it
        computes longer than `timeout` seconds, which ends it."""
        process = self.running(command)
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout, give_up)
        timer.start()
        answer = None
        with contextlib.suppress(OSError, EOFError):  # the child died
            send(process.stdin, content)
            answer = receive(process.stdout)
        timer.cancel()
        timer.join()
        if late.is_set() or answer is None:
            _end(process)
        if answer is None:
            died = "the process that computed the answer died"
            what = f"no answer within {timeout:g} seconds" if late.is_set() else died
            raise ProbeError(f"{what}: ask for less, or try again")
        return answer

    def stop(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            if self.process is not None:
                _end(self.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
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
