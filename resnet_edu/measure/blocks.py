"""The gradient at every block's output, and how alike it is for nearly the same input."""

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
    """Per block, from input to output: L2 norm of d(mean loss)/d(output), and the cosine (−1 … 1)
    between that gradient and the one at an input moved by 1 %, averaged over the images."""

    names: list[str]
    gradient: list[float]
    correlation: list[float]


@dataclass(frozen=True)
class ExampleCorrelations:
    """Per block, from input to output: the cosine (−1 … 1) between two images' gradients at its output,
    averaged over all pairs of different images, and over those of one class (NaN if there are none)."""

    names: list[str]
    pairs: list[float]
    same_class: list[float]


def block_gradients(
    net: ResNet, inputs: Tensor, labels: Tensor, generator: torch.Generator, *, batch_statistics: bool = True
) -> BlockGradients:
    """`inputs` float [N, C, H, W], normalised. By default with batch statistics, as in training.

    Balduzzi 2017 ("shattered gradients"): in deep plain nets the gradients at nearby inputs are
    nearly unrelated, which a norm cannot show.
    """
    names = [name for name, _ in net.units()]
    with preserve_bn_stats(net, training=batch_statistics):
        here = _gradients(net, inputs, labels, names)
        there = _gradients(net, inputs + _nudge(inputs, generator), labels, names)
    norms = [gradient.norm().item() for gradient in here]
    cosines = [
        F.cosine_similarity(a.flatten(1), b.flatten(1), eps=1e-30).mean().item()
        for a, b in zip(here, there, strict=True)
    ]
    return BlockGradients(names, norms, cosines)


def example_correlations(
    net: ResNet, inputs: Tensor, labels: Tensor, *, batch_statistics: bool = True
) -> ExampleCorrelations:
    """How alike the images of one batch want a block's output to change; arguments as in `block_gradients`.

    Where the gradients of different images are unrelated, a step that helps one is noise to the others,
    however long the gradients are (Balduzzi 2017 §2).
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


def _nudge(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """A random move of every image, 1 % of the image's own length."""
    noise = torch.randn(inputs.shape, generator=generator).to(inputs)
    lengths = inputs.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    return NEARBY * noise * lengths.view(-1, *[1] * (inputs.dim() - 1))


def _gradients(net: ResNet, inputs: Tensor, labels: Tensor, names: list[str]) -> list[Tensor]:
    trace = net.forward_intermediates(inputs)
    loss = F.cross_entropy(trace.logits.float(), labels)
    return list(torch.autograd.grad(loss, [trace.intermediates[name] for name in names]))
