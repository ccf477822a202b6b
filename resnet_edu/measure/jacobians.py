"""How much a small change of the image grows up to each unit's output: the norm of its Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from resnet_edu.measure.errors import preserve_bn_stats
from resnet_edu.nets import ResNet


def jvp_squared_norms(
    net: ResNet, inputs: Tensor, directions: Tensor, *, batch_statistics: bool = True
) -> dict[str, Tensor]:
    """‖J u‖² for each image and each unit's output: float64 [N] by the unit's name.

    J is the Jacobian of a unit's output with respect to the images `inputs` [N, C, H, W], and u the
    `directions`, of the same shape as `inputs`. Averaged over random u of independent numbers with mean 0 and
    variance 1 it is ‖J‖² (Frobenius; Hutchinson 1990). With batch statistics an image's output depends
    on all images of the batch, and J is the whole batch's.

    Jᵀv is linear in v with derivative J, so one forward pass, one backward pass and one backward pass through
    that backward pass give J u of all units at once.
    """
    inputs = inputs.detach().requires_grad_()
    with preserve_bn_stats(net, training=batch_statistics), torch.enable_grad():
        found = net.forward_intermediates(inputs).intermediates
        outputs = {name: found[name] for name, _ in net.units()}
        v = {name: torch.zeros_like(output, requires_grad=True) for name, output in outputs.items()}
        (back,) = torch.autograd.grad(
            list(outputs.values()), inputs, list(v.values()), create_graph=True, materialize_grads=True
        )
        there = torch.autograd.grad(back, list(v.values()), directions, materialize_grads=True)
    return {name: moved.flatten(1).double().square().sum(1) for name, moved in zip(v, there, strict=True)}
