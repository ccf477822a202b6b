"""How much of a score passes through each unit's branch, and how much through its shortcut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from resnet_edu.data import DataSet
from resnet_edu.nets import ResNet
from resnet_edu.probes.image import resolve_input
from resnet_edu.probes.saliency.path import difference, sum_along
from resnet_edu.runs.answers import ProbeAnswer


def unit_shares(
    net: ResNet,
    data: DataSet,
    *,
    image: int | None = None,
    pixels: np.ndarray | None = None,
    target: int | None = None,
) -> ProbeAnswer:
    """Conductance (Dhamdhere 2018 §3) of each unit's two terms, in points of the score.

    It is Σ ∂ score / ∂ value · change of the value, along the straight line from the mean image to this
    one, where the values are the two terms of the unit's addition; a plain unit has its branch alone.

    - `image`, `pixels`, `target`: as in `image.resolve_input`.

    Arrays: `branch` and `shortcut`, float64 [units]; `image`. Facts: those of `resolve_input`; `units`, their
    names; `difference`, the score minus that of the mean image: in exact arithmetic branch + shortcut in
    every unit; `completeness_error`, the largest miss as a share of it.
    """
    about = resolve_input(net, data, image, pixels, target)
    whole = difference(net, about.inputs, about.target)
    branch, shortcut = conductances(net, about.inputs, about.target)
    missed = (branch + shortcut - whole).abs().max().item()
    facts = about.facts | {
        "units": [name for name, _ in net.units()],
        "difference": whole,
        "completeness_error": missed / max(abs(whole), 1e-12),
    }
    arrays = {"image": about.pixels, "branch": branch.numpy(), "shortcut": shortcut.numpy()}
    return ProbeAnswer(facts, arrays)


def conductances(net: ResNet, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Conductances of branches and shortcuts, float64 [units] each, for a normalised image [1, C, H, W]."""

    def score(shares: Tensor) -> tuple[Tensor, dict[tuple[int, int], Tensor]]:
        with _terms(net) as terms:
            return net(shares * inputs)[:, target], terms

    def conductance(starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            (score_before, before), (score_after, after) = score(starts), score(ends)
        with torch.enable_grad():
            here, terms = score(((starts + ends) / 2).requires_grad_())
            gradients = torch.autograd.grad(here.sum(), list(terms.values()))
        parts = torch.zeros(len(starts), 2, len(net.units()), dtype=torch.float64)
        for (unit, term), gradient in zip(terms, gradients, strict=True):
            change = after[unit, term] - before[unit, term]
            parts[:, term, unit] = (gradient * change).flatten(1).sum(1, dtype=torch.float64)
        return parts, parts.sum(1) - (score_after - score_before).double()[:, None]

    branch, shortcut = sum_along(conductance, inputs, difference(net, inputs, target))
    return branch, shortcut


@contextmanager
def _terms(net: ResNet) -> Iterator[dict[tuple[int, int], Tensor]]:
    """Record each addition's terms in a forward pass, by (unit, 0 for the branch or 1 for the shortcut).

    They are copies, since an identity shortcut's term is the same tensor as the branch's input.
    """
    kept: dict[tuple[int, int], Tensor] = {}

    def keep(unit: int, term: int, tensor: Tensor) -> Tensor:
        kept[unit, term] = tensor.clone()
        return kept[unit, term]

    hooks = [
        each.branch.register_forward_hook(lambda _, given, out, unit=unit: keep(unit, 0, out))
        if each.shortcut is None
        else each.add.register_forward_pre_hook(
            lambda _, given, unit=unit: (keep(unit, 1, given[0]), keep(unit, 0, given[1]))
        )
        for unit, (_, each) in enumerate(net.units())
    ]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()
