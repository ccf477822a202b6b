"""The process behind `jobs.private`: reads questions from a pipe, answers them, ends with its parent."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from typing import IO, Any

import torch

from resnet_edu import probes
from resnet_edu.jobs import private
from resnet_edu.runs import Run

PATIENCE = 20.0  # seconds that a server may be silent, where weights are downloaded


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            question, arrays = private.unpacked(private.receive(questions))
        except EOFError:
            return
        private.send(answers, answer(question, arrays))


def answer(question: dict[str, Any], arrays: dict[str, Any]) -> bytes:
    """Errors are answers too, for people to read."""
    try:
        source = question["source"] or Run(question["run"])
        return private.packed(*probes.answer(source, question["probe"], question["arguments"] | arrays))
    except (ValueError, OSError) as error:
        return private.packed({"error": str(error)}, {})
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__} while computing this; what the server prints has more"
        return private.packed({"error": why}, {})


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    socket.setdefaulttimeout(PATIENCE)
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints shall not print into the answers
    import captum.attr
    import captum.metrics  # noqa: F401

    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
