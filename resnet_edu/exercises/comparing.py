"""Is an answer the right one? Numbers, words, tensors, lists and dictionaries of them, within rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

RELATIVE = 1e-4
_KINDS: dict[type, str] = {
    float: "a number",
    int: "a number",
    str: "a word",
    Tensor: "a tensor",
    list: "a list",
    tuple: "a list",
    dict: "a dictionary",
}


def plain(value: Any) -> Any:
    """The value as a float, str, float64 tensor, list or dict: NumPy's and PyTorch's kinds are no mistake."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor):
        value = value.detach().cpu().double()
        return value.item() if value.dim() == 0 else value
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        parts = [plain(each) for each in value]
        numbers = all(isinstance(each, float) for each in parts)
        return torch.tensor(parts, dtype=torch.float64) if numbers else parts
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, up to rounding and kind of number."""
    one, other = plain(one), plain(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=1e-8) or (one != one and other != other)
    if isinstance(one, Tensor):
        return one.shape == other.shape and _close(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def difference(answer: Any, right: Any) -> str:
    """How a wrong answer differs, in words that do not give the right one away."""
    given, wanted = _kind(answer), _kind(right)
    answer, right = plain(answer), plain(right)
    if type(answer) is not type(right):
        return f"the answer is {given}; {wanted} is wanted"
    if isinstance(answer, float):
        if math.isnan(answer):
            return "the answer is NaN"
        return f"the answer, {answer:.5g}, is too {'large' if answer > right else 'small'}"
    if isinstance(answer, str):
        return f"the answer is not “{answer}”"
    if isinstance(answer, Tensor):
        return _of_tensors(answer, right)
    if isinstance(answer, dict):
        if answer.keys() != right.keys():
            keys = ", ".join(map(str, right))
            return f"the answer has the keys {', '.join(map(str, answer)) or '(none)'}; wanted: {keys}"
        key = next(key for key in right if not same(answer[key], right[key]))
        return f"{key}: {difference(answer[key], right[key])}"
    if len(answer) != len(right):
        return f"the answer has {len(answer)} parts; {len(right)} are wanted"
    place = next(i for i, pair in enumerate(zip(answer, right, strict=True)) if not same(*pair))
    return f"in part {place + 1}, {difference(answer[place], right[place])}"


def _kind(value: Any) -> str:
    if isinstance(value, Tensor) and value.dim() == 0:
        return "a number"
    return _KINDS.get(type(value), type(value).__name__)


def _close(one: Tensor, other: Tensor) -> bool:
    scale = other.abs().max().item() if other.numel() else 0.0
    return torch.allclose(one, other, rtol=RELATIVE, atol=RELATIVE * scale, equal_nan=True)


def _of_tensors(answer: Tensor, right: Tensor) -> str:
    if answer.shape != right.shape:
        return f"the shape is {tuple(answer.shape)}; {tuple(right.shape)} is wanted"
    if answer.isnan().any():
        return "there are NaNs in the answer"
    scale = right.abs().max().item()
    off = ~torch.isclose(answer, right, rtol=RELATIVE, atol=RELATIVE * scale)
    return f"{off.double().mean().item():.0%} of the numbers differ, although the shape is right"
