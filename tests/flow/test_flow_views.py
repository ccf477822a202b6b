"""Deep nets that fold, one update in slow motion, the skip dial, formulas over measurements."""

from __future__ import annotations

import copy

import pytest
from flow_pages import state_of, until, values_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def deeper(data, times: int):
    """The twins with every unit `times` times over, for drawing only."""
    deep = copy.deepcopy(data)
    for net in deep["nets"]:
        layers, blocks, order = [], [], []
        for block in net["blocks"]:
            for k in range(times if block["kind"] == "unit" else 1):
                name = block["name"] if block["kind"] != "unit" else f"{block['name']}{k:02d}"
                order += block["layers"]
                blocks.append(
                    {
                        **block,
                        "name": name,
                        "layers": list(range(len(order) - len(block["layers"]), len(order))),
                    }
                )
        layers = [net["layers"][i] for i in order]
        table = net["layer_table"]
        for column in ("gradient", "ratio"):
            table[column] = [[row[i] for i in order] for row in table[column]]
        units = net["unit_table"]
        for column in ("gradient", "correlation"):
            units[column] = [[value for value in row for _ in range(times)] for row in units[column]]
        net.update(layers=layers, blocks=blocks, depth=2 + 2 * 27 * times)
    return {**deep, "updates": [], "dials": []}


def test_600_units_fold_into_stages_open_and_close_again(opened, data):
    page = opened(what=deeper(data, 22))
    plain = page.locator("svg.net.plain")
    assert plain.locator(".folded").count() == 3
    assert plain.locator(".unit").count() == 5  # and stem and head
    label = plain.locator(".folded").nth(1).get_attribute("aria-label")
    assert label.startswith("plain-56, units 199 to 396, weight gradient: ")
    assert label.endswith("folded: press to open")
    plain.locator(".folded").nth(1).click()
    assert state_of(page)["open"] == "199-396"
    groups = plain.locator(".folded").count()
    assert 10 <= groups <= 22
    plain.locator("[data-open='199-208']").click()
    assert plain.locator(".unit[data-block^=stages]").count() == 10
    assert plain.locator("[data-block='stages.1.000']").count() == 1
    assert page.locator("svg.net.residual .unit[data-block^=stages]").count() == 10
    page.get_by_role("button", name="whole net").click()
    assert plain.locator(".folded").count() == 3


def test_eight_layers_are_drawn_unit_by_unit(opened):
    from resnet_edu import flow

    page = opened(what=flow.flow_data(*flow.find_twins("resnet-8-digits-s0")))
    assert page.locator("svg.net.residual .unit").count() == 5
    assert page.locator("svg.net.residual .arc").count() == 3
    assert page.locator("svg.net.plain .arc").count() == 0


def test_a_net_without_a_twin_is_drawn_alone(opened, twins):
    from resnet_edu import flow

    page = opened(what=flow.flow_data(twins[1]))
    assert page.locator("svg.net").count() == 1
    assert page.locator(".reading thead th").count() == 1


def test_a_diverged_step_is_hatched_and_said(opened, data):
    lost = copy.deepcopy(data)
    lost["nets"][0]["layer_table"]["gradient"][-1] = [None] * 56
    page = opened("step=240", what=lost)
    assert values_of(page, 0, "stem") == [None]
    unit = page.locator("svg.net.plain [data-block=stem]")
    assert unit.get_attribute("aria-label") == "plain-56, stem, weight gradient: not finite"
    assert "url(" in unit.locator(".cell").get_attribute("style")


def test_an_update_is_gone_through_moment_by_moment(opened):
    page = opened("view=update")
    story = page.locator(".story")
    assert "64 images wait on the left" in story.inner_text()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["at"] == "forward.stages.0.0"
    assert "x has size 2; the layers put 1.5 in its place; y has size 3." in story.inner_text()
    assert "the branch adds F(x), size 1.5, to the shortcut's 2; y has size 3." in story.inner_text()
    assert values_of(page, 1, "stages.0.0") == [3]
    assert values_of(page, 1, "stages.0.1") == [None]  # not reached
    page.keyboard.press("End")
    assert "the loss of the same batch was 2.25, and is now 2.13." in story.inner_text()
    until(page, "location.hash === '#view=update&at=after'")


def test_backward_the_gradient_splits_with_its_measured_sizes(opened):
    page = opened("view=update&at=backward.stages.2.8")
    story = page.locator(".story").inner_text()
    assert "a gradient of size 3.5 comes in; its only way is through the layers; 3.38 goes on." in story
    assert (
        "3.5 goes back through the shortcut, 0.25 through the branch, 60° apart; together 3.38 go on."
        in story
    )
    assert "shortcut 3.5" in page.locator(".lens").text_content()
    assert page.locator(".lens .vector").count() == 3
    page.keyboard.press("ArrowRight")
    assert state_of(page)["at"] == "backward.stages.2.7"
    page.locator("svg.net.residual [data-block='stages.0.2']").click()
    assert state_of(page)["at"] == "backward.stages.0.2"
    page.get_by_label("Which one").select_option("1")
    assert state_of(page)["update"] == 1


def test_the_dial_goes_through_its_grid_alone(opened):
    page = opened("view=dial&q=activation")
    assert values_of(page, 1, "stages.0.0") == [2]
    assert page.get_by_role("slider", name="α").get_attribute("aria-valuenow") == "1"
    page.keyboard.press("ArrowLeft")
    assert state_of(page)["alpha"] == 0.75
    assert values_of(page, 1, "stages.0.0") == [1.75]
    assert (
        "count α = 0.75, before the first step: error 30.0 %, loss 0.625"
        in page.locator(".story").inner_text()
    )
    box = page.locator(".scrub").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.27, box["y"] + 10)
    assert state_of(page)["alpha"] == 0.25  # the nearest that was computed
    assert page.locator(".ghosts path").count() == 5


def test_a_formula_is_labelled_and_its_error_is_of_the_numbers_drawn(opened, twins):
    page = opened("q=activation&step=0&formula=1&chain=0.9,0.1")
    labels = page.locator(".formula-text").all_text_contents()
    assert labels == ["formula: 0.9ⁿ", "formula: (1 + 0.1)ⁿ"]
    units = twins[0].units().query("step == 0")["gradient"].to_numpy()
    off = units[0] / (units[-1] * 0.9**26)
    said = page.locator(".verdict").inner_text()
    assert f"The formula is off by a factor of {float(f'{off:.2g}'):,.0f}." in said
    assert f"measured: {units[0]:.0f}." in said
    slider = page.get_by_label("plain chain wⁿ: w")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["chain"] == [0.91, 0.1]
    assert page.locator(".formula-text").first.text_content() == "formula: 0.91ⁿ"
    page.get_by_role("radio", name="gradient correlation").click()
    assert page.locator(".formula-text").all_text_contents() == ["formula: 1/2ᴸ", "formula: 1/√L"]
    assert "Nothing of the thin lines was measured." in page.locator(".sliders").inner_text()


def test_a_fresh_pair_of_one_kind_is_told_apart(mounted, data):
    from resnet_edu import flow

    net = data["nets"][1]
    profile = {
        **{name: net[name] for name in ("label", "kind", "depth", "blocks", "layers")},
        "weight_gradient": net["layer_table"]["gradient"][0],
        "activation_gradient": net["unit_table"]["gradient"][0],
        "correlation": net["unit_table"]["correlation"][0],
    }
    page = mounted(flow.fresh_data(profile, {**profile, "label": "no norm"}))
    assert page.locator("svg.net.residual").count() == page.locator("svg.net.second").count() == 1
    assert page.get_by_role("radio", name="update : weight").is_disabled()
    assert not page.locator(".losses").is_visible()
