"""`resnet-edu net NAME`: what is inside a net."""

import json

import pytest

from resnet_edu import anatomy
from resnet_edu.experiment import Cifar


def test_a_table_by_stage_the_costs_and_the_equation(command):
    said = command("net", "resnet-56")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "resnet-56  56 layers"
    assert lines[1].split() == ["stage", "units", "layers", "output", "parameters", "multiply-adds", "sees"]
    assert lines[4].split("  ")[0] == "stage 2"
    assert "32 × 16 × 16" in lines[4]
    assert "853,018 parameters, 125,485,696 multiply-adds an image" in said.out
    assert "x_l = ReLU(x_{l−1} + F_l(x_{l−1}))" in said.out


def test_every_layer_and_json(command):
    layers = command("net", "plain-8", "--layers", "--side=8", "--channels=1", "--width=4").out
    assert "stages.2.0.branch.conv2" in layers
    assert "4 × 8 × 8" in layers
    graph = json.loads(command("net", "resnet-8", "--json", "--side=8").out)
    assert graph == anatomy.graph(Cifar(depth=8), side=8)


def test_nets_for_comparison_are_counted(command):
    assert "143,667,240 parameters, 19,632,062,464 multiply-adds" in command("net", "vgg-19").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vgg-11"], "net is 'vgg-11'; allowed: plain-N, resnet-N"),
        (["resnet"], "net is 'resnet'; such as resnet-56, plain-34 or alexnet"),
        (["resnet-21"], "depth is 21; a CIFAR net has 6n+2 layers"),
        (["resnet-20", "--side=4"], "side is 4; a cifar net takes images of 8 pixels a side or more"),
    ],
)
def test_what_is_no_net_is_told(command, words, message):
    said = command("net", *words)
    assert said.code == 2
    assert message in said.error
