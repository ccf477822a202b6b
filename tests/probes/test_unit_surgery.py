"""The lesion bench against surgery, step by step; and what it cannot do."""

import numpy as np
import pytest
import torch
from net_variants import built, shake

from resnet_edu.data import normalise
from resnet_edu.experiment.net import Cifar
from resnet_edu.experiment.parts import NoShortcut
from resnet_edu.measure import errors
from resnet_edu.nets import surgery
from resnet_edu.probes import unit_surgery


@pytest.fixture
def net(untouched):
    stack = shake(built(Cifar(depth=20, width=4))).eval()
    untouched(stack)
    return stack


def test_all_operations_at_once_are_surgery_s_one_after_another(net, noise):
    asked = {
        "delete": ["stages.0.1", "stages.2.0"],
        "scale": {"stages.0.2": {"branch": 0.5}, "stages.1.1": {"shortcut": 2, "branch": 0}},
        "swap": [["stages.0.1", "stages.0.2"], ["stages.1.1", "stages.1.2"]],
    }
    facts, table = unit_surgery.lesion(net, noise, **asked)
    slow = surgery.delete(net, *asked["delete"])
    slow = surgery.scale(slow, "stages.0.2", branch=0.5)
    slow = surgery.scale(slow, "stages.1.1", shortcut=2, branch=0)
    for pair in asked["swap"]:
        slow = surgery.swap(slow, *pair)
    for which, stack in (("intact", net), ("changed", slow)):
        found = errors(stack, noise, noise.test_images, noise.test_labels, batch=4)
        assert facts[f"{which}_error"] == found.error
        assert facts[f"{which}_loss"] == pytest.approx(found.loss, rel=1e-5)
    assert facts["touched"] == ["stages.0.1", "stages.0.2", "stages.1.1", "stages.1.2", "stages.2.0"]
    with torch.no_grad():
        says = slow(normalise(noise.test_images, noise)).argmax(1)
    assert table["class"].tolist() == ["a", "b", "c"]
    for i in range(3):
        own = noise.test_labels == i
        assert table["images"][i] == own.sum()
        assert table["error"][i] == pytest.approx(100 * (says[own] != i).float().mean().item())
        assert table["said"][i] == pytest.approx(100 * (says == i).float().mean().item())


def test_frozen_units_have_their_first_weights_and_statistics_of_what_reaches_them(net, noise):
    facts, _ = unit_surgery.lesion(net, noise, freeze=["stages.0.1", "stages.1.2"], delete="stages.0.2")
    slow = surgery.delete(surgery.rewind(net, "stages.0.1", "stages.1.2"), "stages.0.2")
    rewound = surgery.rewind(net, "stages.0.1", "stages.1.2")
    x = normalise(noise.train_images, noise)
    with torch.no_grad():
        for name, unit in rewound.units():  # every norm of a frozen unit, by what reaches it
            if name in ("stages.0.1", "stages.1.2"):
                for norm in (m for m in unit.modules() if isinstance(m, torch.nn.BatchNorm2d)):
                    norm.reset_running_stats()
                    norm.momentum = None  # a plain average
                    norm.train()
        rewound(x)
    state = {k: v for k, v in rewound.state_dict().items() if k.startswith(("stages.0.1", "stages.1.2"))}
    slow.load_state_dict(state, strict=False)
    found = errors(slow.eval(), noise, noise.test_images, noise.test_labels, batch=4)
    assert facts["changed_error"] == found.error
    assert facts["changed_loss"] == pytest.approx(found.loss, rel=1e-4)
    assert facts["touched"] == ["stages.0.1", "stages.0.2", "stages.1.2"]


def test_nothing_done_is_the_intact_net(net, noise):
    facts, table = unit_surgery.lesion(net, noise, of="train", images=10)
    assert facts["changed_error"] == facts["intact_error"]
    assert facts["changed_loss"] == facts["intact_loss"]
    assert facts["touched"] == []
    assert np.array_equal(table["error"], table["intact_error"])
    assert table["images"].sum() == facts["images"] == 10


def test_one_name_and_one_pair_need_no_list(net, noise):
    long = {"delete": ["stages.0.1"], "swap": [["stages.0.1", "stages.0.2"]]}
    short = {"delete": "stages.0.1", "swap": ["stages.0.1", "stages.0.2"]}
    assert unit_surgery.lesion(net, noise, **long)[0] == unit_surgery.lesion(net, noise, **short)[0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"delete": ["stages.9.0"]}, r"delete: there is no unit 'stages.9.0'; units: stages.0.0, "),
        ({"freeze": ["x"]}, "freeze: there is no unit 'x'"),
        ({"delete": 3}, "delete is 3; it takes units: stages.0.0, "),
        ({"delete": ["stages.0.1", "stages.0.1"]}, "each unit once"),
        ({"swap": ["stages.0.1"]}, "swap takes pairs of units, not stages.0.1"),
        ({"swap": [["stages.0.1", "stages.0.1"]]}, "each unit once"),
        ({"swap": [["stages.0.1", "stages.1.1"]]}, "differ in their layers"),
        ({"swap": 5}, "swap is 5; it takes pairs"),
        ({"swap": [5]}, "swap is 5; it takes units"),
        ({"scale": ["stages.0.1"]}, "it takes units and their factors"),
        ({"scale": {"stages.9.0": {"branch": 1}}}, "there is no unit 'stages.9.0'"),
        ({"scale": {"stages.0.1": {"gate": 1}}}, "it takes shortcut and branch"),
        ({"scale": {"stages.0.1": {"branch": "much"}}}, "it takes shortcut and branch, two numbers"),
        ({"scale": {"stages.0.1": 2}}, "it takes shortcut and branch"),
        ({"images": 1}, "images is 1; allowed: 2 …"),
        ({"images": "all"}, "images is 'all'; allowed: 2 …"),
        ({"of": "validation"}, "of is 'validation'; allowed: test, train"),
        ({"threads": 0}, "threads is 0; allowed: 1 … 64"),
    ],
)
def test_what_cannot_be_done_is_said(net, noise, asked, message):
    with pytest.raises(ValueError, match=message):
        unit_surgery.lesion(net, noise, **asked)


def test_a_plain_unit_has_no_addition_to_scale(noise):
    plain = built(Cifar(depth=8, width=4, shortcut=NoShortcut())).eval()
    with pytest.raises(ValueError, match=r"stages\.0\.0 is plain: it has no addition to scale"):
        unit_surgery.lesion(plain, noise, scale={"stages.0.0": {"branch": 0}})
