import torch
from torch import nn


def everything(unit):
    """it is dead"""
    for weight in unit.parameters():
        nn.init.zeros_(weight)


def no_bias(unit):
    """The last norm's bias is still there"""
    nn.init.zeros_(unit.norm2.weight)


def only_bias(unit):
    """Only the last norm's bias is 0"""
    nn.init.zeros_(unit.norm2.bias)


def first_norm(unit):
    """You silenced the first norm"""
    nn.init.zeros_(unit.norm1.weight)
    nn.init.zeros_(unit.norm1.bias)


def first_convolution(unit):
    """The first convolution is 0"""
    nn.init.zeros_(unit.conv1.weight)


def last_convolution(unit):
    """The last convolution is 0"""
    unit.conv2.weight.data.zero_()


def in_training_only(unit):
    """in eval mode the last norm still subtracts"""
    nn.init.zeros_(unit.conv2.weight)
    nn.init.zeros_(unit.norm2.bias)


def copier(unit):
    """You built a copier"""
    for conv, norm in ((unit.conv1, unit.norm1), (unit.conv2, unit.norm2)):
        nn.init.dirac_(conv.weight)
        norm.reset_parameters()


def on_a_copy(unit):
    """The unit still has all its old weights"""
    weight = unit.norm2.weight.clone()
    weight *= 0


def without_no_grad(unit):
    """weights want `with torch.no_grad():`"""
    unit.norm2.weight *= 0
    unit.norm2.bias *= 0


def misspelled(unit):
    """norm_2"""
    with torch.no_grad():
        unit.norm_2.weight.zero_()
