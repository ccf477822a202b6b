"""Nets by name: 'plain-56', 'resnet-110-B', 'resnet-1001-pre', 'dense-resnet-50', 'wrn-28-10'.

NAME is [dense-|cifar-|imagenet-](plain|resnet)-DEPTH[-WORD …]. Without a family, 18, 34, 50, 101 and 152
layers are the ImageNet nets, and all other depths CIFAR's. A few names are those of papers.
"""

from __future__ import annotations

import dataclasses
import re

from resnet_edu.experiment.net import IMAGENET_DEPTHS, ORDERS, Cifar, Dense, Imagenet, Net
from resnet_edu.experiment.parts import Basic, Bottleneck, ProjectionShortcut, Shortcut
from resnet_edu.experiment.spec import SpecError, kinds_of

_PRE = "full-preactivation"
_FIRST = Cifar(order=_PRE, shortcut=ProjectionShortcut())

PAPER_NETS: dict[str, Cifar] = {
    "resnet-164-pre": dataclasses.replace(_FIRST, depth=164, unit=Bottleneck()),
    "resnet-1001-pre": dataclasses.replace(_FIRST, depth=1001, unit=Bottleneck()),
    "wrn-16-8": dataclasses.replace(_FIRST, depth=14, widen=8),
    "wrn-28-10": dataclasses.replace(_FIRST, depth=26, widen=10),
    "wrn-40-4": dataclasses.replace(_FIRST, depth=38, widen=4),
}
"""He 2016 and Zagoruyko 2016, who count the three projections among the layers."""

_FAMILIES: dict[str, type[Net]] = {"cifar-": Cifar, "dense-": Dense, "imagenet-": Imagenet}
_PATTERN = re.compile(r"(cifar-|dense-|imagenet-)?(plain|resnet)-(\d{1,6})((?:-[\w-]+)?)")


def named_net(name: str) -> dict[str, str]:
    """The name as flat settings, {'net': 'cifar', 'net.depth': '56', …}; raises `SpecError`."""
    if name in PAPER_NETS:
        net = PAPER_NETS[name]
        return {"net": net.kind, **net.flat("net")}
    match = _PATTERN.fullmatch(name)
    if not match:
        raise SpecError(
            f"net is {name!r}; allowed: plain-N, resnet-N, dense-plain-N, dense-resnet-N, and "
            + ", ".join(PAPER_NETS)
        )
    family, twin, depth, words = match.groups()
    kind = _FAMILIES[family or ("imagenet-" if int(depth) in IMAGENET_DEPTHS else "cifar-")]
    shortcut = "none" if twin == "plain" else kind.shortcut.kind
    flat = {"net": kind.kind, "net.depth": str(int(depth)), "net.shortcut": shortcut}
    for word in _split(words.removeprefix("-"), name):
        setting = _WORDS[word]
        if twin == "plain" and "net.shortcut" in setting:
            raise SpecError(f"net is {name!r}; a plain net has no shortcut, so leave out {word!r}")
        flat |= setting
    return flat


def name_of(net: Net) -> str:
    """'plain-56' or 'resnet-56', with words for unusual settings: 'resnet-56-B', 'resnet-110-pre'.

    The inverse of `named_net`, except for what names leave out: widths, norm, initial weights, biases.
    """
    for name, paper in PAPER_NETS.items():
        if net == dataclasses.replace(paper, **{setting: getattr(net, setting) for setting in _UNNAMED}):
            return name
    family = net.family
    if isinstance(net, Cifar) and net.depth in IMAGENET_DEPTHS:
        family = "cifar-"
    words = [] if net.plain or net.shortcut.kind == type(net).shortcut.kind else [net.shortcut.kind]
    words += _unit_words(net)
    words += {"original": [], _PRE: ["pre"]}.get(net.order, [net.order])
    if isinstance(net, Cifar) and net.widen > 1:
        words.append(f"x{net.widen}")
    name = "-".join([f"{family}{'plain' if net.plain else 'resnet'}-{net.depth}", *words])
    return name.replace("-pre", "-basic-pre") if name in PAPER_NETS else name


_UNNAMED = ("width", "norm", "init", "zero_last", "survival")


def _unit_words(net: Net) -> list[str]:
    unit = None if isinstance(net, Imagenet) else net.unit
    if isinstance(unit, Bottleneck):
        return ["bottleneck"]
    if unit is None or unit == Basic():
        return []
    return [f"{unit.layers}layer", *(["nested"] if unit.nested else [])]


def _words() -> dict[str, dict[str, str]]:
    """The settings behind each word of a name."""
    words = {kind.kind: {"net.shortcut": kind.kind} for kind in kinds_of(Shortcut) if kind.kind != "none"}
    words |= {"basic": {"net.unit": "basic"}, "bottleneck": {"net.unit": "bottleneck"}}
    words |= {f"{n}layer": {"net.unit.layers": str(n)} for n in range(1, 9)}
    words |= {"nested": {"net.unit.nested": "true"}, "pre": {"net.order": _PRE}}
    words |= {order: {"net.order": order} for order in ORDERS}
    return words | {f"x{k}": {"net.widen": str(k)} for k in range(2, 65)}


_WORDS = _words()


def _split(words: str, name: str) -> list[str]:
    """'bn-after-addition-x4' → its words, some of which have hyphens; raises `SpecError`."""
    found = []
    while words:
        fits = [word for word in _WORDS if words == word or words.startswith(f"{word}-")]
        if not fits:
            known = ", ".join(word for word in _WORDS if not word.startswith("x"))
            raise SpecError(f"net is {name!r}; {words!r} is none of {known}, x2 … x64")
        found.append(max(fits, key=len))
        words = words[len(found[-1]) + 1 :]
    return found
