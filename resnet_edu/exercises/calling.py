"""Call what a learner wrote: on copies, within limits, and with one sentence for whatever goes wrong."""

from __future__ import annotations

import copy
import re
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resnet_edu.exercises.diagnosis import Ended, wrong
from resnet_edu.exercises.limits import TimeLimit, memory_limit, time_limit

SECONDS = 10.0
EXTRA_BYTES = 4 * 2**30
_NOT_THE_LEARNERS = (
    str(Path(__file__).parents[1]),
    str(Path(torch.__file__).parent),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
_NOTHING_DONE = {"RESUME", "NOP", "CACHE", "LOAD_CONST", "POP_TOP", "RETURN_VALUE", "RETURN_CONST"}
COMMON_ERRORS = {
    r"before Module.__init__": "call `super().__init__()` first: `nn.Module` keeps the layers",
    r"allocate|out of memory|MemoryError": "it asks for more memory than this exercise needs by far: look at "
    "the sizes that it multiplies",
    r"RecursionError": "it calls itself without end",
    r"does not require grad": "there is no gradient to be had: a `.detach()`, `.item()` or `no_grad` has "
    "cut the way back",
    r"in-place operation|inplace operation": "it changes a tensor in place that the gradient still needs: "
    "write `x = x + …` for `x += …`, and `relu(x)` for `relu_(x)`",
}


def call(
    function: Callable[..., Any],
    *arguments: Any,
    errors: Mapping[str, str] | None = None,
) -> tuple[Any, tuple[Any, ...]]:
    """What the function gives for copies of the arguments, and the copies, which it may have changed.

    errors: {pattern: sentence} for exceptions that have a better explanation here than their own text

    Random numbers, the gradient mode and the arguments themselves are afterwards as they were. Raises
    `Ended` with the message for the learner.
    """
    copies, limit = copied(arguments), SECONDS
    try:
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(action="ignore"),
            torch.enable_grad(),
            memory_limit(EXTRA_BYTES),
            time_limit(limit),
        ):
            torch.manual_seed(0)
            return function(*copies), copies
    except Ended:
        raise
    except NotImplementedError as error:
        if "not implemented for" in str(error):  # PyTorch's words for a tensor of the wrong kind
            raise wrong(in_words(error, errors or {})) from None
        raise not_attempted() from None
    except TimeLimit:
        raise wrong(f"It has not ended after {limit:g} s: does a loop never reach its end?") from None
    except SystemExit:
        raise wrong("It ends the whole program with `exit`: use `return`.") from None
    except Exception as error:
        raise wrong(in_words(error, errors or {})) from None


def copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Deep copies, in which also the gradients on a net's weights are kept (PyTorch drops them)."""
    copies = copy.deepcopy(arguments)
    for before, after in zip(arguments, copies, strict=True):
        if isinstance(before, nn.Module):
            for weight, same in zip(before.parameters(), after.parameters(), strict=True):
                same.grad = None if weight.grad is None else weight.grad.clone()
    return copies


def result_of(answer: Any, function: Callable[..., Any]) -> Any:
    """The answer; raises `Ended` where there is none: a stub, or a forgotten `return`."""
    if answer is ... or (answer is None and is_stub(function)):
        raise not_attempted()
    if answer is None:
        raise wrong(f"`{function.__name__}` returns nothing: is `return` missing?")
    return answer


def not_attempted() -> Ended:
    return Ended("not attempted", "Fill in the gap, and run the check again.")


def is_stub(function: Callable[..., Any]) -> bool:
    """Whether its body is no more than a docstring, `...`, `pass` or `return None`."""
    import dis

    code = getattr(function, "__code__", None)
    return code is not None and {step.opname for step in dis.get_instructions(code)} <= _NOTHING_DONE


def in_words(error: Exception, errors: Mapping[str, str]) -> str:
    """One sentence: the line of the learner's code, and what is wrong there."""
    name, text = type(error).__name__, str(error).strip().split("\n")[0]
    what = f"{name}: {text}" if text else name
    for pattern, sentence in {**errors, **COMMON_ERRORS}.items():
        if re.search(pattern, f"{name}: {error}"):
            what = sentence
            break
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_NOT_THE_LEARNERS) and not frame.filename.startswith("<frozen")
    ]
    if not frames and isinstance(error, TypeError):
        return f"It cannot be called as the exercise says: {what}."
    if not frames:
        return f"It runs, but the check cannot use what it gives: {what}."
    return f"Line {frames[-1].lineno}, `{(frames[-1].line or '').strip()}`: {what}."
