"""Exercises of lesson 3: gradients by hand and by hooks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.exercises.diagnosis import Diagnosis
from resnet_edu.exercises.exercise import Answer, Exercise


def gradient_norms(function: Callable[..., Any]) -> Diagnosis:
    """`function(net, images, labels)`: {layer: length (L2 norm) of its weight's gradient}, for the mean
    cross-entropy of this batch alone. The layers are those with a weight, by the names of `named_modules`."""
    return GRADIENT_NORMS.check(function)


def output_gradient(function: Callable[..., Any]) -> Diagnosis:
    """`function(net, layer, images, labels)`: the L2 norm of the gradient of the mean cross-entropy with
    respect to the *output* of the module called `layer`, by a hook that is removed again."""
    return OUTPUT_GRADIENT.check(function)


def _net(seed: int) -> nn.Sequential:
    """A small net with gradients left over from another batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 4, 3, padding=1),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(4, 3, 3, padding=1),
                relu2=nn.ReLU(),
                flat=nn.Flatten(),
                head=nn.Linear(3 * 16, 5),
            )
        )
        for weight in net.parameters():
            weight.grad = torch.randn_like(weight)
    return net


def _batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 1, 4, 4, generator=generator), torch.randint(5, (6,), generator=generator)


Sizes = Callable[[Tensor, Tensor], Tensor | float]


def _norms(
    of: Sizes = lambda weight, gradient: gradient.norm(),
    *,
    reduction: str = "mean",
    reset: bool = True,
    biases: bool = False,
) -> Answer:
    """{layer: of(weight, its gradient)} after one backward pass."""

    def answer(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Any]:
        if reset:
            net.zero_grad()
        F.cross_entropy(net(images), labels, reduction=reduction).backward()
        if biases:
            return {
                name: weight.grad.norm() for name, weight in net.named_parameters() if weight.grad is not None
            }
        layers = [(name, layer) for name, layer in net.named_modules() if hasattr(layer, "weight")]
        return {name: of(layer.weight.detach(), layer.weight.grad) for name, layer in layers}

    return answer


def _only_stale(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Any]:
    return {name: layer.weight.grad.norm() for name, layer in net.named_modules() if hasattr(layer, "weight")}


def _backwards(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Any]:
    norms = _norms()(net, images, labels)
    return dict(zip(norms, reversed(norms.values()), strict=True))


def _logits(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Any]:
    net.zero_grad()
    net(images).sum().backward()
    return {name: layer.weight.grad.norm() for name, layer in net.named_modules() if hasattr(layer, "weight")}


GRADIENT_NORMS = Exercise(
    cases=lambda: {"a net of three layers": (_net(0), *_batch(0)), "another net": (_net(1), *_batch(1))},
    right=_norms(),
    mistakes={
        "Gradients of an earlier batch are still in `.grad`, and PyTorch adds to them: first `zero_grad`.": (
            _norms(reset=False)
        ),
        "These gradients were there before: call `backward()` on the loss.": _only_stale,
        "These are the lengths of the *weights*. The gradient is in `weight.grad`.": _norms(
            lambda w, g: w.norm()
        ),
        "This is the square of the length: the root is missing.": _norms(lambda w, g: g.norm() ** 2),
        "You take the mean of the absolute values, which forgets how many numbers a layer has. The length is "
        "the root of the *sum* of squares.": _norms(lambda w, g: g.abs().mean()),
        "You take the root of the *mean* of the squares; the length is the root of their sum.": (
            _norms(lambda w, g: g.square().mean().sqrt())
        ),
        "You add up absolute values (the L1 norm). The length is the root of the sum of squares.": (
            _norms(lambda w, g: g.abs().sum())
        ),
        "You take the largest number of each gradient, not its length.": _norms(lambda w, g: g.abs().max()),
        "You sum the numbers: positive and negative ones cancel.": _norms(lambda w, g: g.sum()),
        "The gradient is divided by the weight: that is a relative size. Asked for is the length itself.": (
            _norms(lambda w, g: g.norm() / w.norm())
        ),
        "The loss is summed over the images; training uses the mean.": _norms(reduction="sum"),
        "There is an entry for each parameter, biases too. Asked for is one for each layer: its weight's.": (
            _norms(biases=True)
        ),
        "The names are in the wrong order: the backward pass meets the last layer first.": _backwards,
        "You went back from the sum of the outputs, not from the loss: the cross-entropy.": _logits,
    },
    praise="These are the numbers that the recorder writes down for every layer at every recorded step.",
)


def _outputs(of: Callable[[Tensor, Tensor, Tensor], Any], reduction: str = "mean") -> Answer:
    """of(the layer's input, its output, the gradient at its output); `.grad` of the input is kept, too."""

    def answer(net: nn.Module, layer: str, images: Tensor, labels: Tensor) -> Any:
        kept: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            inputs[0].retain_grad()
            output.retain_grad()
            kept.extend((inputs[0], output))

        handle = net.get_submodule(layer).register_forward_hook(keep)
        net.zero_grad()
        F.cross_entropy(net(images.requires_grad_()), labels, reduction=reduction).backward()
        handle.remove()
        assert kept[1].grad is not None
        return of(kept[0], kept[1], kept[1].grad)

    return answer


def _weights(net: nn.Module, layer: str, images: Tensor, labels: Tensor) -> Any:
    return _norms()(net, images, labels).get(layer, torch.tensor(0.0))


def _of_input(x: Tensor, y: Tensor, gradient: Tensor) -> Any:
    assert x.grad is not None
    return x.grad.norm()


OUTPUT_GRADIENT = Exercise(
    cases=lambda: {
        f"layer {layer}": (_net(seed), layer, *_batch(seed))
        for seed, layer in enumerate(("conv2", "conv1", "head"))
    },
    right=_outputs(lambda x, y, g: g.norm()),
    mistakes={
        "This is the gradient at the layer's *input*. A backward hook gets both: `grad_output` is the one.": (
            _outputs(_of_input)
        ),
        "This is the size of what the layer gives, on the way forward. Asked for is the gradient there.": (
            _outputs(lambda x, y, g: y.norm())
        ),
        "This is the gradient of the layer's *weight*. Asked for is the one at its output.": _weights,
        "You take the mean of the images' lengths. Asked for is the length of the whole.": (
            _outputs(lambda x, y, g: g.flatten(1).norm(dim=1).mean())
        ),
        "The root is missing: this is the squared length.": _outputs(lambda x, y, g: g.square().sum()),
        "You sum the loss over the images; asked for is the mean.": _outputs(lambda x, y, g: g.norm(), "sum"),
        "You averaged the absolute values: the length is the root of the sum of squares.": (
            _outputs(lambda x, y, g: g.abs().mean())
        ),
    },
    praise="And the hook is gone again. A hook that stays is called at every later step.",
    errors={r"inplace|in-place|view": "a ReLU in place, or a hook on a changed output, breaks the way back"},
)
