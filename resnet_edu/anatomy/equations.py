"""Units and nets as equations, in the letters of He 2016: y = f(h(x) + F(x))."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from resnet_edu.anatomy.plan import UnitPlan, arrange, last_activation
from resnet_edu.experiment.net import Dense, Net
from resnet_edu.experiment.parts import (
    ConvShortcut,
    DropoutShortcut,
    ExclusiveGate,
    Highway,
    NoNorm,
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    ScaledShortcut,
    Shortcut,
    ShortcutGate,
)

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def low(number: int) -> str:
    """27 → '₂₇'."""
    return str(number).translate(_LOW)


def unit_equation(net: Net, unit: UnitPlan) -> tuple[str, str]:
    """A unit's equation, and what its shortcut is in a few words; '' for a plain unit."""
    words = arrange(net.arrangement, len(unit.layers), unit.opening)
    x = "a(x)" if words.before else "x"
    branch = "F(x)" if x == "x" else "F(a(x))"
    if unit.survival < 1:
        branch = f"b·{branch}"
    total, shortcut = _sum(net.shortcut, x, branch, same_size=unit.same_size)
    lines = [f"y = {_applied(net, words.after, total)}", f"F(x) = {_branch(net, unit, words.branch)}"]
    if words.before:
        lines.append(f"a(x) = {_applied(net, words.before, 'x')}")
    if unit.survival < 1:
        lines.append(
            f"b = 1 with probability {unit.survival:.3g}, else 0; in eval mode, b = {unit.survival:.3g}"
        )
    return "; ".join(lines), shortcut


def unrolled(net: Net, units: int) -> str:
    """The whole net in a few lines; with an identity shortcut, the sum that it unrolls to (He 2016 eq. 4)."""
    last, after = f"x{low(units)}", arrange(net.arrangement, 2).after
    total, _ = _sum(net.shortcut, "x_{l−1}", "F_l(x_{l−1})", same_size=True)
    closed = _applied(net, last_activation(net.arrangement), last)
    lines = ["x₀ = stem(image)", f"x_l = {_applied(net, after, total)},  l = 1 … {units}"]
    lines.append(f"logits = head({closed if isinstance(net, Dense) else f'mean of {closed}'})")
    if net.plain:
        lines.append(
            f"Unrolled: {last} = F{low(units)} ∘ … ∘ F₂ ∘ F₁ (x₀), one path through all {units} units."
        )
    elif isinstance(net.shortcut, (PadShortcut, ProjectionShortcut)):
        terms = ["x₀", "F₁(x₀)", "F₂(x₁)"][: units + 1] + ["…"] * (units > 3)
        terms += [f"F{low(units)}(x{low(units - 1)})"] * (units > 2)
        but = ", but for the ReLU after each sum" if after else ""
        lines.append(
            f"Unrolled: {last} = {' + '.join(terms)}{but} (and h where sizes change): 2^{units} paths."
        )
    return "\n".join(lines)


def _sum(shortcut: Shortcut, x: str, branch: str, *, same_size: bool) -> tuple[str, str]:
    """h(x) + F(x), and h in words."""
    carried, word = (x, "identity") if same_size else (f"pad({x})", "zero-padding")
    match shortcut:
        case NoShortcut():
            return branch, ""
        case PadShortcut():
            return f"{carried} + {branch}", word
        case ProjectionShortcut() if same_size:
            return f"{x} + {branch}", word
        case ProjectionShortcut() | ProjectionEverywhere():
            return f"W·{x} + {branch}", "projection"
        case ScaledShortcut(alpha=alpha, branch=beta):
            return f"{alpha:g}·{carried} + {beta:g}·{branch}", f"{word}, times {alpha:g}"
        case ExclusiveGate():
            return f"(1 − g({x}))·{carried} + g({x})·{branch}", f"{word}, gated with the branch"
        case ShortcutGate():
            return f"(1 − g({x}))·{carried} + {branch}", f"{word}, gated"
        case ConvShortcut():
            return f"W·{x} + {branch}", "1×1 convolution"
        case DropoutShortcut(drop=drop):
            return f"dropout({carried}) + {branch}", f"{word}, {drop:.0%} dropped"
        case Highway():
            return f"(1 − T({x}))·{carried} + T({x})·{branch}", f"{word}, highway"
        case _:
            assert_never(shortcut)


def _branch(net: Net, unit: UnitPlan, words: Iterable[str]) -> str:
    if not unit.nested:
        return _applied(net, words, "x")
    first, second = unit.halves()
    after = arrange(net.arrangement, len(first.layers), first.opening).after
    inner, _ = _sum(net.shortcut, "x", "F₁(x)", same_size=first.same_size)
    outer, _ = _sum(net.shortcut, "z", "F₂(z)", same_size=second.same_size)
    return f"{outer} with z = {_applied(net, after, inner)}"


def _applied(net: Net, words: Iterable[str], x: str) -> str:
    """('conv1', 'norm1', 'relu1') applied to x: 'ReLU(norm₁(conv₁(x)))'."""
    for word in words:
        name, number = word.rstrip("0123456789"), word.lstrip("convrmelu")
        if name == "relu":
            x = f"ReLU({x})"
        elif name == "conv" or not isinstance(net.norm, NoNorm):
            shown = "linear" if name == "conv" and isinstance(net, Dense) else name
            x = f"{shown}{number.translate(_LOW)}({x})"
    return x
