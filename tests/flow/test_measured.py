"""Probes' answers as the picture's JSON: every number where the picture looks for it."""

import json
import math

import numpy as np
import pytest

from resnet_edu import probes, runs
from resnet_edu.flow import measured
from resnet_edu.runs import answers

TWINS = ("plain-8-digits-s0", "resnet-8-digits-s0")


def answered(name, probe, arguments):
    run = runs.recorded().find(name)
    return run.name, *probes.answer(run, probe, arguments)


def test_an_update_of_twins():
    pair = [answered(name, measured.UPDATE, {"step": 0}) for name in TWINS]
    update = measured.update_data(*pair)
    assert json.loads(json.dumps(update, allow_nan=False)) == update
    assert (update["step"], update["images"], update["lr"]) == (0, 64, 0.1)
    assert [net["run"] for net in update["nets"]] == [name for name, _, _ in pair]
    for net, (_, facts, arrays) in zip(update["nets"], pair, strict=True):
        assert net["loss"] == pytest.approx(facts["loss"], rel=1e-5)
        assert net["loss_after"] == pytest.approx(facts["loss_after"], rel=1e-5)
        for i, (there, back) in enumerate(zip(net["forward"], net["backward"], strict=True)):
            assert there["name"] == back["name"] == arrays["name"][i]
            assert there["x"] == pytest.approx(arrays["x"][i], rel=1e-5)
            assert there["branch"] == pytest.approx(arrays["branch"][i], rel=1e-5)
            assert there["y"] == pytest.approx(arrays["y"][i], rel=1e-5)
            for ours, theirs in (("y", "grad_y"), ("plus", "grad_plus"), ("branch", "grad_branch")):
                assert back[ours] == pytest.approx(arrays[theirs][i], rel=1e-5)
            missing = [there["shortcut"], back["shortcut"], back["cosine"]]
            assert all((value is None) == facts["plain"] for value in missing)
        assert [each["name"] for each in net["weights"]] == list(arrays["layer"])
        assert net["weights"][3]["update"] == pytest.approx(arrays["update"][3], rel=1e-5)
    with pytest.raises(ValueError, match="these are updates of steps 0, 240; one step at a time"):
        measured.update_data(pair[0], answered(TWINS[1], measured.UPDATE, {}))


def test_a_dial():
    name, facts, arrays = answered(TWINS[1], measured.DIAL, {"step": 0})
    dial = measured.dial_data(name, facts, arrays)
    assert json.loads(json.dumps(dial, allow_nan=False)) == dial
    assert dial["run"] == name
    assert (dial["step"], dial["units"], dial["images"], dial["gradient_images"]) == (0, [], 297, 64)
    assert dial["alphas"] == sorted(dial["alphas"])
    assert {0.0, 1.0} < set(dial["alphas"])
    sizes = {"weight_gradient": 8, "activation_gradient": 3, "correlation": 3}
    for column, size in sizes.items():
        assert [len(row) for row in dial[column]] == [size] * len(dial["alphas"])
        np.testing.assert_allclose(dial[column], arrays[column], rtol=1e-5, atol=1e-12)
    assert dial["error"] == pytest.approx(arrays["error"], rel=1e-5)
    assert dial["loss"] == pytest.approx(arrays["loss"], rel=1e-5)


def test_a_net_at_its_start_over_seeds():
    facts = {"net": "plain-8", "plain": True, "depth": 8}
    arrays = {
        "weight_gradient": np.array([[1.0, 4.0, 0.0], [100.0, 4.0, 1.0]]),
        "activation_gradient": np.array([[1.0, np.nan], [4.0, 1.0]]),
        "correlation": np.array([[0.5, -0.5], [1.0, 0.5]]),
    }
    net = measured.fresh_net(facts, arrays, ["a block"], ["a layer"])
    assert net == {
        "label": "plain-8",
        "kind": "plain",
        "depth": 8,
        "blocks": ["a block"],
        "layers": ["a layer"],
        "weight_gradient": [10.0, 4.0, 0.0],
        "activation_gradient": [2.0, None],
        "correlation": [0.75, 0.0],
    }


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_null(value):
    assert measured.short(value) is None


def test_what_is_recorded_of_twins():
    plain = [("one_update", {"step": 0}), ("one_update", {"step": 240})]
    assert measured.questions([240], plain=True) == plain
    found = measured.questions([5, 240], plain=False)
    assert [arguments["step"] for _, arguments in found] == [0, 5, 240, 0, 240]
    assert {probe for probe, _ in found} == {"one_update", "skip_dial"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain-56-digits-s0", "resnet-56-digits-s0"])
def test_an_answer_of_the_deepest_twins_is_small_enough_to_ship(name, tmp_path):
    run = runs.recorded().find(name)
    for probe, arguments in measured.questions(run.weight_steps(), plain=run.experiment.net.plain):
        facts, arrays = probes.answer(run, probe, arguments)
        answers.write_answer(tmp_path, facts, arrays)
        size = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert size < answers.MOST_BYTES / 4
