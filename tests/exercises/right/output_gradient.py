import torch
import torch.nn.functional as F


def tensor_hook(net, layer, images, labels):
    found = []
    handle = net.get_submodule(layer).register_forward_hook(
        lambda m, x, y: y.register_hook(found.append) and None
    )
    F.cross_entropy(net(images), labels).backward()
    handle.remove()
    return found[0].norm().item()


def backward_hook(net, layer, images, labels):
    found = []

    def keep(module, grad_input, grad_output):
        found.append(grad_output[0])

    handle = dict(net.named_modules())[layer].register_full_backward_hook(keep)
    try:
        F.cross_entropy(net(images), labels).backward()
    finally:
        handle.remove()
    return torch.linalg.vector_norm(found[0])


def kept_output(net, layer, images, labels):
    x = images
    for name, module in net.named_children():
        x = module(x)
        if name == layer:
            output = x
    (gradient,) = torch.autograd.grad(F.cross_entropy(x, labels), output)
    return (gradient**2).sum().sqrt()
