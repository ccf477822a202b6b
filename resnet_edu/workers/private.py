"""The processes behind `jobs.private`: each answers questions from a pipe, and ends with its parent."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from typing import IO, Any

import torch

from resnet_edu import probes
from resnet_edu.jobs import private
from resnet_edu.nets import weights
from resnet_edu.runs import Run


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until their pipe is closed."""
    while True:
        try:
            question, arrays = private.unpack(private.receive(questions))
        except EOFError:
            return
        private.send(answers, answer(question, arrays))


def answer(question: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """The packed answer; an error is one too, as a sentence in its facts."""
    try:
        source = question["source"] or Run(question["run"])
        if isinstance(source, str) and (net := _missing(source)):
            return private.pack(
                {"error": f"the weights of {net} are not on this machine", "missing": net}, {}
            )
        return private.pack(*probes.answer(source, question["probe"], {**question["arguments"], **arrays}))
    except (ValueError, OSError) as error:
        return private.pack({"error": str(error)}, {})
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__} while computing this; the server's output has more"
        return private.pack({"error": why}, {})


def _missing(source: str) -> str:
    """The name of a net of torchvision's whose weights are not here, as no question downloads them; or ""."""
    name = source.removeprefix(private.TORCHVISION)
    return name if name != source and not weights.official_file(name).exists() else ""


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    import captum.attr
    import captum.metrics  # noqa: F401

    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
