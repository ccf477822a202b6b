"""Every question to every kind of net: a table, or a plain reason why not; and nothing is left behind."""

import inspect
import json

import numpy as np
import pytest
import torch
from net_variants import ALL, ONE_OF_EACH, built, label, shake

from resnet_edu import probes
from resnet_edu.experiment.net import Cifar
from resnet_edu.experiment.parts import NoShortcut, PadShortcut
from resnet_edu.probes import gradients, lesions, paths, unit_surgery

pytestmark = pytest.mark.slow

FEW = {"images": 4}
QUESTIONS = {
    lesions.lesions: {},
    lesions.random_lesions: {"draws": 1, "counts": [2]},
    lesions.shuffles: {"draws": 1, "swaps": [1]},
    unit_surgery.lesion: {"delete": "stages.0.0"},
    paths.contributions: {},
    paths.expansion: {"count": 1},
    paths.path_lengths: {"samples": 1},
    gradients.layer_gradients: {},
    gradients.gradient_correlations: {},
    gradients.jacobians: {"samples": 2},
    gradients.activations: {},
}
REASONS = ("not affine", "no two units of this net have the same sizes")


def test_these_are_all_of_these_rooms():
    rooms = (gradients, lesions, paths, unit_surgery)
    assert set(QUESTIONS) == {each for each in probes.PROBES.values() if inspect.getmodule(each) in rooms}


def answered(question, net, data, asked):
    try:
        return question(net, data, **FEW, **asked)
    except ValueError as reason:
        return str(reason), None


EVERY_PART_AND_ORDER = [
    spec for spec in ALL if spec in ONE_OF_EACH or spec.plain or isinstance(spec.shortcut, PadShortcut)
]


@pytest.mark.parametrize("spec", EVERY_PART_AND_ORDER, ids=label)
def test_a_table_or_a_reason(spec, noise, untouched):
    net = shake(built(spec)).eval()
    untouched(net)
    for question, asked in QUESTIONS.items():
        facts, columns = answered(question, net, noise, asked)
        if columns is None:
            assert any(words in facts for words in REASONS)
            continue
        assert json.loads(json.dumps(facts)) == facts, "plain data"
        assert "error" not in facts, "which would say that there is no answer"
        assert (facts["units"], facts["images"]) == (len(net.units()), 4)
        lengths = {len(column) for column in columns.values()}
        assert len(lengths) == 1, "columns of one table"
        assert all(column.ndim == 1 and column.dtype.kind in "bifU" for column in columns.values())
        if not spec.plain:
            numbers = {name: column for name, column in columns.items() if column.dtype.kind == "f"}
            assert numbers
            assert all(np.isfinite(column).all() for column in numbers.values()), (question, numbers)


def broken(x):
    raise ZeroDivisionError


@pytest.mark.parametrize("where", ["pool", "stages.1.0.branch.relu1"])
@pytest.mark.parametrize("shortcut", [PadShortcut(), NoShortcut()], ids=lambda s: s.kind)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_nothing_is_left_when_a_net_breaks_halfway(question, shortcut, where, noise, untouched):
    net = shake(built(Cifar(depth=14, width=4, shortcut=shortcut))).eval()
    untouched(net)
    net.get_submodule(where).forward = broken
    before_the_pool = question in (paths.contributions, paths.expansion)
    if where == "pool" and before_the_pool:
        return
    with pytest.raises(ZeroDivisionError):
        question(net, noise, **FEW, **QUESTIONS[question])


def test_the_net_s_weights_get_no_gradients_and_torch_keeps_its_state(noise):
    net = shake(built(Cifar(depth=14, width=4))).eval()
    state = torch.get_rng_state()
    for question, asked in QUESTIONS.items():
        question(net, noise, **FEW, **asked)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in net.parameters())
