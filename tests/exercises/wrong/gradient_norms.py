import torch
import torch.nn.functional as F


def _with(net, images, labels, of, reduction="mean", zero=True):
    if zero:
        net.zero_grad()
    F.cross_entropy(net(images), labels, reduction=reduction).backward()
    return {name: of(m.weight) for name, m in net.named_modules() if hasattr(m, "weight")}


def stale(net, images, labels):
    """PyTorch adds to them"""
    return _with(net, images, labels, lambda w: w.grad.norm(), zero=False)


def no_backward(net, images, labels):
    """These gradients were there before"""
    return {name: m.weight.grad.norm() for name, m in net.named_modules() if hasattr(m, "weight")}


def weights(net, images, labels):
    """lengths of the *weights*"""
    return _with(net, images, labels, lambda w: w.norm())


def squared(net, images, labels):
    """the square of the length"""
    return _with(net, images, labels, lambda w: (w.grad**2).sum())


def mean_size(net, images, labels):
    """mean of the absolute values"""
    return _with(net, images, labels, lambda w: w.grad.abs().mean())


def root_mean_square(net, images, labels):
    """root of the *mean* of the squares"""
    return _with(net, images, labels, lambda w: w.grad.pow(2).mean().sqrt())


def first_norm(net, images, labels):
    """the L1 norm"""
    return _with(net, images, labels, lambda w: w.grad.norm(p=1))


def largest(net, images, labels):
    """the largest number of each gradient"""
    return _with(net, images, labels, lambda w: w.grad.norm(p=float("inf")))


def summed_loss(net, images, labels):
    """The loss is summed over the images"""
    return _with(net, images, labels, lambda w: w.grad.norm(), reduction="sum")


def with_biases(net, images, labels):
    """an entry for each parameter"""
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    return {name: p.grad.norm() for name, p in net.named_parameters()}


def outputs(net, images, labels):
    """not from the loss"""
    net.zero_grad()
    net(images).sum().backward()
    return {name: m.weight.grad.norm() for name, m in net.named_modules() if hasattr(m, "weight")}


def hooks_left(net, images, labels):
    """Your hooks are still on the net"""
    found = {}
    for name, m in net.named_modules():
        if hasattr(m, "weight"):
            m.weight.register_hook(lambda g, name=name: found.update({name: g.norm()}))
    F.cross_entropy(net(images), labels).backward()
    return {name: found[name] for name in sorted(found)}


def takes_a_step(net, images, labels):
    """The net's weights are no longer"""
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    return {name: m.weight.grad.norm() for name, m in net.named_modules() if hasattr(m, "weight")}


def no_graph(net, images, labels):
    """has cut the way back"""
    with torch.no_grad():
        loss = F.cross_entropy(net(images), labels)
    loss.backward()
    return {name: m.weight.grad.norm() for name, m in net.named_modules() if hasattr(m, "weight")}


def empty(net, images, labels):
    """the answer has the keys (none)"""
    return {}
