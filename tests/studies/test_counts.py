"""Studies that count: parameters of famous nets, and what shortcuts cost."""

from __future__ import annotations

import pytest

from resnet_edu.studies import identity_cost, winners


def test_the_winners_have_the_parameters_that_are_known_of_them():
    counted = winners.measure().set_index("net")["parameters"].to_dict()
    known = {"AlexNet": 60_965_224, "VGG-16": 138_357_544, "VGG-19": 143_667_240, "GoogLeNet": 6_998_552}
    assert {name: counted[name] for name in known} == known
    assert (counted["ResNet-34"], counted["ResNet-152"]) == (21_797_672, 60_192_808)


@pytest.mark.slow
def test_they_are_those_of_torchvision_s_modules():
    """AlexNet and GoogLeNet differ there: one group, and 3×3 in place of 5×5 with norms."""
    from torchvision.models import vgg16, vgg19

    counted = winners.measure().set_index("net")["parameters"]
    for name, make in (("VGG-16", vgg16), ("VGG-19", vgg19)):
        assert sum(p.numel() for p in make(init_weights=False).parameters()) == counted[name]


@pytest.mark.parametrize(
    ("depths", "parameters", "word"),
    [
        ((8, 22, 152), (60, 7, 6), "exact"),
        ((8, 22, 152), (60, 7, 60), "depends"),
        ((8, 22, 152), (6, 7, 60), "contradicted"),
        ((8, 8, 152), (60, 7, 6), "contradicted"),
    ],
)
def test_the_rule_of_the_winners(depths, parameters, word):
    table = winners.measure()
    for name, depth, count in zip(("AlexNet", "GoogLeNet", "ResNet-152"), depths, parameters, strict=True):
        table.loc[table["net"] == name, ["depth", "parameters"]] = depth, count
    assert winners.verdict(table).word == word


def test_identity_shortcuts_are_free_and_projections_are_not():
    table = identity_cost.measure()
    verdict = identity_cost.verdict(table)
    assert verdict.word == "exact"
    assert "Projections where sizes change (B) add 0.16 to 1.5 % parameters" in verdict.sentence
    assert (table.loc[table["shortcut"] != "A", "more_parameters"] > 0).all()
    table.loc[0, "more_macs"] = 1
    assert identity_cost.verdict(table).word == "contradicted"
