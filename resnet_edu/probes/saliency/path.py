"""Path integrals from the mean image to an image, refined where the score is not linear."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resnet_edu.methods import COMPLETE

FIRST, MOST = 64, 1000
NUMBERS = 2**20  # in the images of one batch

Measure = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def integrated_gradients(net: nn.Module, inputs: Tensor, target: int, most: int = MOST) -> Tensor:
    """Integrated Gradients, float [1, C, H, W], of one normalised image [1, C, H, W]: the mean image is 0.

    A path's attribution is the sum over its pieces; a piece's is Captum's from its start to its end, with
    one gradient in the middle.
    """
    from captum.attr import IntegratedGradients

    def attribution(starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        parts, missed = IntegratedGradients(net).attribute(
            ends * inputs,
            starts * inputs,
            target=target,
            n_steps=1,  # the one point of Gauss and Legendre is the middle
            return_convergence_delta=True,
        )
        return parts, missed[:, None]

    return sum_along(attribution, inputs, difference(net, inputs, target), most)[None]


def sum_along(measure: Measure, inputs: Tensor, whole: float, most: int = MOST) -> Tensor:
    """The sum of `measure` over pieces of the path to `inputs` [1, C, H, W].

    - `measure`: takes starts and ends of pieces as shares of the path [pieces, 1, 1, 1]; returns what each
      adds [pieces, …], and by how much each misses the score's difference [pieces, sums].
    - `whole`: the score's difference over the path.
    - `most`: pieces to measure at most (fewer for images above 64×64).

    A piece on which the score is linear misses nothing. So the path starts as 64 pieces; the worst ones,
    with half of the total miss, are cut in two, until every sum misses `whole` by 1 % at most. The score of
    deep plain nets bends often: at 56 layers this takes an eighth of the gradients of equal pieces.
    """
    edges = torch.linspace(0, 1, FIRST + 1, dtype=inputs.dtype).view(-1, 1, 1, 1)
    starts, ends = edges[:-1], edges[1:]
    parts, missed = _measured(measure, starts, ends, together(inputs))
    taken, most = FIRST, int(most * min(1.0, 3 * 64 * 64 / inputs.numel()))
    while missed.sum(0).abs().max() > COMPLETE * abs(whole) and taken < most:
        worst, rest = _worst(missed.abs().amax(1))
        middles = (starts[worst] + ends[worst]) / 2
        new_starts, new_ends = torch.cat([starts[worst], middles]), torch.cat([middles, ends[worst]])
        more, more_missed = _measured(measure, new_starts, new_ends, together(inputs))
        starts, ends = torch.cat([starts[rest], new_starts]), torch.cat([ends[rest], new_ends])
        parts, missed = torch.cat([parts[rest], more]), torch.cat([missed[rest], more_missed])
        taken += len(more)
    return parts.sum(0)


def together(inputs: Tensor) -> int:
    """The batch size for images of this size, so that memory is enough for large ones."""
    return max(1, min(256, NUMBERS // inputs.numel()))


def difference(net: nn.Module, inputs: Tensor, target: int) -> float:
    """The score of `inputs` [1, C, H, W] minus that of the mean image."""
    with torch.no_grad():
        here, mean = net(torch.cat([inputs, torch.zeros_like(inputs)]))[:, target].tolist()
    return float(here - mean)


def _worst(missed: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of the pieces to cut, and of the others; at least a sixteenth, to limit the rounds."""
    order = missed.argsort(descending=True)
    held = missed[order].cumsum(0)
    few = int((held < held[-1] / 2).sum()) + 1
    worst, rest = order.tensor_split([max(few, len(order) // 16)])
    return worst, rest


def _measured(measure: Measure, starts: Tensor, ends: Tensor, size: int) -> tuple[Tensor, Tensor]:
    found = [measure(*some) for some in zip(starts.split(size), ends.split(size), strict=True)]
    parts, missed = zip(*found, strict=True)
    return torch.cat([part.detach() for part in parts]), torch.cat([each.detach() for each in missed])
