"""An exercise of lesson 2: a deeper net that computes the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from resnet_edu.exercises.calling import result_of
from resnet_edu.exercises.diagnosis import Diagnosis, wrong
from resnet_edu.exercises.exercise import Answer, Exercise
from resnet_edu.exercises.planted import images, used_unit
from resnet_edu.nets.basic_block import BasicBlock

MORE = 2  # units
New = Callable[[], BasicBlock]


def deepen(function: Callable[..., Any]) -> Diagnosis:
    """`function(net, new)`: a net with two units more that computes the same, in training mode too.

    `net` is an `nn.Sequential` of residual units with `conv1`, `norm1`, `conv2`, `norm2`; `new()` makes a
    fresh unit with random weights. `net` itself stays as it is.
    """
    return DEEPEN.check(function)


def fresh() -> BasicBlock:
    """A unit as training begins with it, but for biases that are not 0. All are equal."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(10)
        unit = BasicBlock(4)
    with torch.no_grad():
        unit.norm1.bias.fill_(0.3)
        unit.norm2.bias.fill_(0.2)
    return unit


def _described(net: nn.Module, x: Tensor) -> dict[str, Any]:
    """How many convolutions there are and how many are used; outputs in eval and in training mode."""
    used: list[nn.Module] = []
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [each.register_forward_hook(lambda module, *_: used.append(module)) for each in convolutions]
    with torch.no_grad():
        y = net.eval()(x)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        in_training = net.train()(x)
    return {
        "convolutions": len(convolutions),
        "convolutions in use": len(used),
        "output in eval mode": y,
        "output in training mode": in_training,
    }


def _ask(function: Callable[..., Any]) -> Answer:
    def answer(net: nn.Sequential, x: Tensor) -> dict[str, Any]:
        count, begun = len(net), copy.deepcopy(net)
        deeper = result_of(function(net, fresh), function)
        if not isinstance(deeper, nn.Module):
            raise wrong(f"It gives a {type(deeper).__name__}: wrap the units in an `nn.Sequential`.")
        if len(net) != count:
            raise wrong("The net that you got has grown itself. Make a new `nn.Sequential`.")
        before, after = begun.state_dict(), net.state_dict()
        if not all(torch.equal(value, after[name]) for name, value in before.items()):
            raise wrong("You changed units that were there before: only the new ones are to be silent.")
        return _described(deeper, x)

    return answer


def _with(*more: nn.Module) -> Answer:
    return lambda net, x: _described(nn.Sequential(*net, *more), x)


def _silent() -> BasicBlock:
    unit = fresh()
    nn.init.zeros_(unit.norm2.weight)
    nn.init.zeros_(unit.norm2.bias)
    return unit


def _only(*zero: str) -> BasicBlock:
    unit = fresh()
    for name in zero:
        nn.init.zeros_(unit.get_parameter(name))
    return unit


def _shared(net: nn.Sequential, x: Tensor) -> dict[str, Any]:
    unit = _silent()
    return _described(nn.Sequential(*net, unit, unit), x)


def _copied_last(net: nn.Sequential, x: Tensor) -> dict[str, Any]:
    return _described(nn.Sequential(*net, *(copy.deepcopy(net[-1]) for _ in range(MORE))), x)


def _fresh_units(net: nn.Sequential, x: Tensor) -> dict[str, Any]:
    return _described(nn.Sequential(*net, fresh(), fresh()), x)


DEEPEN = Exercise(
    cases=lambda: {
        "a net of two units": (
            nn.Sequential(used_unit(), used_unit()),
            images(8, 6, 4, 5, 5).relu(),
        )
    },
    right=lambda net, x: _with(_silent(), _silent())(net, x),
    mistakes={
        "The net has as many layers as before: nothing was added, or only `nn.Identity`, which has none.": (
            _with()
        ),
        "One unit was added; two are asked for.": lambda net, x: _with(_silent())(net, x),
        "Both new units are the same object, so they share their weights: call `new()` twice.": _shared,
        "The new units still have their random weights. What must F give, so that y = x?": _fresh_units,
        "The new units' last bias is still there, and is added to every pixel.": (
            lambda net, x: _with(_only("norm2.weight"), _only("norm2.weight"))(net, x)
        ),
        "You repeated the last unit with its weights: it then works on its own result.": _copied_last,
    },
    praise="A deeper net, the same function: a deeper residual net need not be worse.",
    ask=_ask,
)
