import torch
from torch import nn


def last_norm(unit):
    nn.init.zeros_(unit.norm2.weight)
    nn.init.zeros_(unit.norm2.bias)


def by_hand(unit):
    with torch.no_grad():
        for weight in unit.norm2.parameters():
            weight.fill_(0)
    return unit


def through_data(unit):
    unit.norm2.weight.data *= 0
    unit.norm2.bias.data.zero_()


def through_the_state(unit):
    state = unit.state_dict()
    state["norm2.weight"] = torch.zeros_like(state["norm2.weight"])
    state["norm2.bias"] = torch.zeros_like(state["norm2.bias"])
    unit.load_state_dict(state)
    return unit
