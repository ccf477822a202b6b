import copy

from torch import nn


def _silent(unit):
    for weight in unit.norm2.parameters():
        nn.init.zeros_(weight)
    return unit


def at_the_end(net, new):
    return nn.Sequential(*net, _silent(new()), _silent(new()))


def in_between(net, new):
    units = list(net)
    units[1:1] = [_silent(new()) for _ in range(2)]
    return nn.Sequential(*units)


def on_a_copy(net, new):
    deeper = copy.deepcopy(net)
    while len(deeper) < len(net) + 2:
        deeper.append(_silent(new()))
    return deeper


def in_front(net, new):
    """The input of this net comes out of a ReLU, so it can be copied, too."""
    return nn.Sequential(_silent(new()), _silent(new()), net)
