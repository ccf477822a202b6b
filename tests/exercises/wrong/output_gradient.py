import torch.nn.functional as F


def _hooked(net, layer, images, labels, of):
    found = []
    handle = net.get_submodule(layer).register_full_backward_hook(
        lambda m, gi, go: found.append((gi[0], go[0]))
    )
    F.cross_entropy(net(images.requires_grad_()), labels).backward()
    handle.remove()
    return of(*found[0])


def at_the_input(net, layer, images, labels):
    """the gradient at the layer's *input*"""
    return _hooked(net, layer, images, labels, lambda at_input, at_output: at_input.norm())


def forward(net, layer, images, labels):
    """on the way forward"""
    found = []
    handle = net.get_submodule(layer).register_forward_hook(lambda m, x, y: found.append(y.norm()))
    net(images)
    handle.remove()
    return found[0]


def of_the_weight(net, layer, images, labels):
    """gradient of the layer's *weight*"""
    net.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    return net.get_submodule(layer).weight.grad.norm()


def by_image(net, layer, images, labels):
    """the mean of the images' lengths"""
    return _hooked(net, layer, images, labels, lambda i, o: o.flatten(1).norm(dim=1).mean())


def squared(net, layer, images, labels):
    """The root is missing"""
    return _hooked(net, layer, images, labels, lambda i, o: o.pow(2).sum())


def hook_left(net, layer, images, labels):
    """Your hooks are still on the net"""
    found = []
    net.get_submodule(layer).register_full_backward_hook(lambda m, gi, go: found.append(go[0]))
    F.cross_entropy(net(images), labels).backward()
    return found[0].norm()


def whole_tensor(net, layer, images, labels):
    """the answer is a tensor; a number is wanted"""
    return _hooked(net, layer, images, labels, lambda i, o: o)
