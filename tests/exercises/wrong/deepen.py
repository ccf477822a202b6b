import copy

from torch import nn


def _silent(unit):
    for weight in unit.norm2.parameters():
        nn.init.zeros_(weight)
    return unit


def same_net(net, new):
    """as many layers as before"""
    return nn.Sequential(*net)


def one(net, new):
    """One unit was added"""
    return nn.Sequential(*net, _silent(new()))


def shared(net, new):
    """Both new units are the same object"""
    return nn.Sequential(*net, *[_silent(new())] * 2)


def random(net, new):
    """still have their random weights"""
    return nn.Sequential(*net, new(), new())


def bias_left(net, new):
    """last bias is still there"""
    more = [new(), new()]
    for unit in more:
        nn.init.zeros_(unit.norm2.weight)
    return nn.Sequential(*net, *more)


def last_again(net, new):
    """You repeated the last unit"""
    return nn.Sequential(*net, copy.deepcopy(net[-1]), copy.deepcopy(net[-1]))


def in_place(net, new):
    """The net that you got has grown itself"""
    for _ in range(2):
        net.append(_silent(new()))
    return net


def old_units_silenced(net, new):
    """You changed units that were there before"""
    deeper = nn.Sequential(*net, new(), new())
    for unit in deeper:
        _silent(unit)
    return deeper


def a_list(net, new):
    """It gives a list"""
    return [*net, _silent(new()), _silent(new())]
