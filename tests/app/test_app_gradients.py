"""Where does the gradient go: what the page hands to the picture, and what it keeps in the address."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resnet_edu.jobs import private

pytestmark = pytest.mark.slow


def picture(at) -> dict:
    """What the picture was given: its data, and the view that the address names."""
    assert not at.exception
    (found,) = at.get("bidi_component")
    return json.loads(found.proto.json)


def test_the_page_opens_on_the_deepest_twins_with_every_step(opened):
    given = picture(opened("gradients"))
    assert [net["label"] for net in given["flow"]["nets"]] == ["plain-56", "resnet-56"]
    assert given["flow"]["nets"][0]["layer_table"]["steps"] == list(range(240))
    assert given["query"] == ""
    assert len(given["flow"]["updates"]) == 5
    assert [dial["step"] for dial in given["flow"]["dials"]] == [0, 240]


def test_the_address_names_nets_and_view(opened):
    given = picture(opened("gradients", depth=20, seed=1, q="ratio", step=15))
    assert given["flow"]["nets"][1]["run"].startswith("resnet-20-digits-s1-")
    assert given["query"] == "q=ratio&step=15"


def test_a_view_to_start_from_replaces_the_view_that_was_there(opened):
    at = opened("gradients", depth=20, q="ratio", pins="stages.0.0", step=7)
    at.button(key="start-2").click().run()
    assert picture(at)["query"] == "q=correlation&step=0"
    assert at.query_params["depth"] == "20"


def test_what_is_not_known_in_the_address_is_named(opened):
    at = opened("gradients", nets="mine", colour="red")
    said = " ".join(each.value for each in at.warning).replace("\\", "")
    assert "nets is 'mine'; allowed: minute" in said
    assert "'colour' is 'red', but not known" in said


def profile(source: str, layers: int) -> tuple[dict, dict]:
    facts = {"net": source, "plain": "none" in source, "depth": 8}
    names = ["stem.conv", *(f"stages.{i}.0.branch.conv{j}" for i in range(3) for j in (1, 2)), "head"]
    arrays = {
        "layer": np.array(names),
        "weight_gradient": np.ones((1, layers)),
        "activation_gradient": np.ones((1, 3)),
        "correlation": np.full((1, 3), 0.5),
    }
    return facts, arrays


def test_two_nets_at_their_start_stand_side_by_side(opened, monkeypatch):
    asked = []

    def ask(source, probe, **_):
        asked.append((source, probe))
        return profile(source, 8)

    monkeypatch.setattr(private, "ask", ask)
    at = opened("gradients", of="fresh", **{"a-depth": 8, "b-depth": 8, "b-init": "orthogonal"})
    assert [net["kind"] for net in picture(at)["flow"]["nets"]] == ["plain", "residual"]
    assert [probe for _, probe in asked] == ["fresh_profile"] * 2
    assert "net.shortcut=none" in asked[0][0]
    assert "net.init=orthogonal" in asked[1][0]


def test_a_setting_that_is_refused_says_why_and_the_other_net_is_drawn(opened, monkeypatch):
    monkeypatch.setattr(private, "ask", lambda source, probe, **_: profile(source, 8))
    at = opened("gradients", of="fresh", **{"a-depth": 8, "b-depth": 8, "a-norm": "group", "a-width": 4})
    assert len(picture(at)["flow"]["nets"]) == 1
    assert "groups is 8; it must divide 4" in at.error[0].value.replace("\\", "")
