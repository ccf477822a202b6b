import torch


def _through(F, x, g):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(F(x), x, g)[0]


def swapped(F, x, g):
    """The two are swapped"""
    return _through(F, x, g), g


def whole(F, x, g):
    """The second is the whole gradient"""
    leaf = x.clone().requires_grad_()
    ((F(leaf) + leaf) * g).sum().backward()
    return g, leaf.grad


def shared_out(F, x, g):
    """A plus does not share g out"""
    return g / 2, _through(F, x, g / 2)


def ones(F, x, g):
    """1 times g, not 1"""
    return torch.ones_like(x), _through(F, x, g)


def no_g(F, x, g):
    """so g is left out"""
    leaf = x.clone().requires_grad_()
    F(leaf).sum().backward()
    return g, leaf.grad


def forward(F, x, g):
    """You send g *forward* through F"""
    return g, F(g)


def product(F, x, g):
    """You multiply g by F(x)"""
    return g, g * F(x)


def one_only(F, x, g):
    """the answer is a tensor; a list is wanted"""
    return _through(F, x, g)
