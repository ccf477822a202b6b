"""The gradient at every unit's output, and its correlation between nearby inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_edu.measure.errors import preserve_bn_stats
from resnet_edu.nets import ResNet

NEARBY = 0.01


@dataclass(frozen=True)
class BlockGradients:
    """Per unit, from input to output.

    names        units' module names
    gradient     L2 norm of d(mean loss) / d(output)
    correlation  cosine (−1 … 1) between an image's gradient and the gradient at the image moved by 1 %,
                 averaged over the images
    """

    names: list[str]
    gradient: list[float]
    correlation: list[float]


@dataclass(frozen=True)
class ExampleCorrelations:
    """Per unit, from input to output: cosines (−1 … 1) between two images' gradients at its output.

    names       units' module names
    pairs       mean over all pairs of different images
    same_class  mean over pairs of different images of one class; NaN if there are none
    """

    names: list[str]
    pairs: list[float]
    same_class: list[float]


def block_gradients(
    net: ResNet, inputs: Tensor, labels: Tensor, generator: torch.Generator, *, batch_statistics: bool = True
) -> BlockGradients:
    """Gradient norms and correlations.

    net               the net; its statistics and mode do not change
    inputs            float [N, C, H, W], normalised
    labels            int64 [N]
    generator         draws the directions in which the inputs move
    batch_statistics  use batch statistics, as in training (default), or running statistics

    Balduzzi 2017 ("shattered gradients"): in deep plain nets the gradients at nearby inputs are
    nearly unrelated, which a norm cannot show.
    """
    names = [name for name, _ in net.units()]
    with preserve_bn_stats(net, training=batch_statistics):
        here = _gradients(net, inputs, labels, names)
        there = _gradients(net, inputs + nudge(inputs, generator), labels, names)
    norms = [gradient.norm().item() for gradient in here]
    cosines = [
        F.cosine_similarity(a.flatten(1), b.flatten(1), eps=1e-30).mean().item()
        for a, b in zip(here, there, strict=True)
    ]
    return BlockGradients(names, norms, cosines)


def example_correlations(
    net: ResNet, inputs: Tensor, labels: Tensor, *, batch_statistics: bool = True
) -> ExampleCorrelations:
    """Correlation between the gradients of a batch's images; arguments as in `block_gradients`.

    Where the gradients of different images are unrelated, a step that helps one is noise to the others,
    whatever the gradients' norms are (Balduzzi 2017 §2).
    """
    names = [name for name, _ in net.units()]
    with preserve_bn_stats(net, training=batch_statistics):
        gradients = _gradients(net, inputs, labels, names)
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    alike = others & (labels[:, None] == labels)
    pairs, same_class = [], []
    for gradient in gradients:
        directions = F.normalize(gradient.flatten(1), eps=1e-30)
        cosines = directions @ directions.T
        pairs.append(cosines[others].mean().item())
        same_class.append(cosines[alike].mean().item())
    return ExampleCorrelations(names, pairs, same_class)


def nudge(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """A random displacement of every image, with 1 % of the image's L2 norm."""
    noise = torch.randn(inputs.shape, generator=generator).to(inputs)
    lengths = inputs.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    moves: Tensor = NEARBY * noise * lengths.view(-1, *[1] * (inputs.dim() - 1))
    return moves


def _gradients(net: ResNet, inputs: Tensor, labels: Tensor, names: list[str]) -> list[Tensor]:
    trace = net.forward_intermediates(inputs)
    loss = F.cross_entropy(trace.logits.float(), labels)
    return list(torch.autograd.grad(loss, [trace.intermediates[name] for name in names]))
