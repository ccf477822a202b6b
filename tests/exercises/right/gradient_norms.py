import copy

import torch
import torch.nn.functional as F


def from_grad(net, images, labels):
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    return {name: m.weight.grad.norm().item() for name, m in net.named_modules() if hasattr(m, "weight")}


def by_autograd(net, images, labels):
    layers = {
        name: m for name, m in net.named_modules() if isinstance(getattr(m, "weight", None), torch.Tensor)
    }
    loss = F.nll_loss(F.log_softmax(net(images), dim=1), labels)
    gradients = torch.autograd.grad(loss, [layer.weight for layer in layers.values()])
    return dict(zip(layers, [float((g * g).sum() ** 0.5) for g in gradients], strict=True))


def by_hooks(net, images, labels):
    found, handles = {}, []
    for name, layer in net.named_children():
        if list(layer.parameters()):
            handles.append(layer.weight.register_hook(lambda g, name=name: found.update({name: g.norm()})))
    torch.nn.CrossEntropyLoss()(net(images), labels).backward()
    for handle in handles:
        handle.remove()
    return {name: found[name] for name, layer in net.named_children() if name in found}


def on_a_copy(net, images, labels):
    twin = copy.deepcopy(net)
    F.cross_entropy(twin(images), labels).backward()
    return {
        name.removesuffix(".weight"): torch.linalg.vector_norm(p.grad)
        for name, p in twin.named_parameters()
        if name.endswith("weight")
    }
