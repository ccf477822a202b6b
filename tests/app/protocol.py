"""The app served by a process of its own, and visitors who speak Streamlit's protocol, without a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from waiting import until
from websockets.sync.client import connect

MAIN = Path(__file__).parents[2] / "app" / "main.py"
STREAMLIT = (
    sys.executable,
    "-m",
    "streamlit",
    "run",
    str(MAIN),
    "--server.headless",
    "true",
    "--server.port",
)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


@contextmanager
def served(
    folder: Path, command: Sequence[str] = STREAMLIT, *, seconds: float = 60, **environment: str
) -> Iterator[str]:
    """The app's host and port, served from `folder` by `command`, which the port completes. Its shelf and its
    home are there, too."""
    port = free_port()
    home = {"RESNET_EDU_RUNS": str(folder / "runs"), "RESNET_EDU_CACHE": str(folder / "cache")}
    home |= {"HOME": str(folder), "RESNET_EDU_IDLE": "5", "PYTHONPATH": str(MAIN.parents[1])}
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("STREAMLIT_")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, str(port)], cwd=folder, env=inherited | home | environment, stdout=log, stderr=log
        )
    try:
        until(lambda: process.poll() is not None or _answers(port), seconds)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1) as reply:
            return reply.status == 200
    except OSError:
        return False


class Visitor:
    """A session: what a browser's tab is to the server."""

    def __init__(self, host: str, page: str = "", query: str = "") -> None:
        self.page, self.query, self.seen = page, query, list[ForwardMsg]()
        self._connection = connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=["streamlit"],
            origin=f"http://{host}",
            max_size=None,
        )

    def __enter__(self) -> Visitor:
        self._socket = self._connection.__enter__()
        self.rerun()
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.__exit__(*error)

    def rerun(self, query: str | None = None, **triggers: bool) -> None:
        """Run the page again, with another address, or with buttons pressed: widgets' ids."""
        self.query = self.query if query is None else query
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.page
        for name in triggers:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = name, True
        self._socket.send(message.SerializeToString())

    def wait(self, condition: Callable[[ForwardMsg], object], seconds: float = 60) -> ForwardMsg:
        """The first message from now on for which it is true."""
        end = time.monotonic() + seconds
        while True:
            found = ForwardMsg.FromString(self._socket.recv(timeout=max(0.0, end - time.monotonic())))
            self.seen.append(found)
            if condition(found):
                return found

    def finished(self, seconds: float = 60) -> str:
        """Wait for the end of the run; returns all text that came."""
        self.wait(lambda message: message.WhichOneof("type") == "script_finished", seconds)
        return self.text()

    def text(self) -> str:
        return "\n".join(map(str, self.seen)).replace("\\", "")
