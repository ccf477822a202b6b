"""The page "What is inside?": any net beside its twin, a part of both, and its address."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from resnet_edu import anatomy
from resnet_edu.experiment import Experiment


@pytest.fixture
def inside(opened):
    return lambda **query: opened("inside", **query)


def text(at: AppTest) -> str:
    return "\n".join([*(each.value for each in at.markdown), *(each.value for each in at.code)])


def assert_well(at: AppTest) -> None:
    assert [each.value for each in (*at.exception, *at.error, *at.warning)] == []


def test_a_net_stands_beside_its_twin_with_what_the_shortcuts_cost(inside):
    at = inside()
    assert_well(at)
    assert len(at.get("plotly_chart")) == 4
    graph = anatomy.graph(Experiment.from_query({"net": "resnet-56"}).net)
    assert f"Both nets have {graph['parameters']:,} parameters" in text(at)
    assert "plain-56" in text(at)
    assert graph["equation"] in text(at)


def test_projections_are_counted(inside):
    plain, residual = (
        anatomy.graph(Experiment.from_query({"net": name}).net) for name in ("plain-34", "resnet-34")
    )
    at = inside(family="imagenet")
    assert f"The shortcuts add {residual['parameters'] - plain['parameters']:,} and" in text(at)


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        {"depth": 1202, "part": "stages.2.199"},
        {"unit": "bottleneck", "depth": 1001, "order": "full-preactivation", "shortcut": "B"},
        {"unit": "4layer-nested"},
        {"family": "imagenet", "depth": 152, "part": "head"},
        {"family": "dense", "depth": 200, "part": "stem"},
        {"shortcut": "highway"},
        {"shortcut": "gate", "order": "full-preactivation"},
    ],
)
def test_any_net_is_drawn(inside, query):
    assert_well(inside(**query))


def test_another_family_forgets_depth_and_part(inside):
    at = inside(depth=110, part="stages.2.17", shortcut="C")
    at.button_group(key="url-family").set_value("imagenet").run()
    assert_well(at)
    assert at.query_params == {"family": "imagenet"}


def test_a_part_is_chosen_from_the_list_too(inside):
    at = inside(depth=20)
    at.selectbox(key="url-part").set_value("stages.2.1").run()
    assert_well(at)
    assert at.query_params["part"] == "stages.2.1"
    assert "resnet-20: stage 3, unit 2" in text(at)


def test_an_older_address_still_opens_its_part_and_changes_as_a_new_one_does(inside):
    at = inside(depth=20, block="stages.1.1")
    assert_well(at)
    assert not at.warning
    assert at.selectbox(key="url-part").value == "stages.1.1"
    assert "resnet-20: stage 2, unit 2" in text(at)
    at.selectbox(key="url-part").set_value("head").run()
    assert at.query_params == {"depth": "20", "part": "head"}


def test_the_new_name_wins_over_the_old_one(inside):
    at = inside(depth=20, block="stages.1.1", part="stem")
    assert at.selectbox(key="url-part").value == "stem"


def test_what_the_address_gets_wrong_is_named(inside):
    at = inside(depth=57, part="stages.9.9")
    warned = "\n".join(each.value for each in at.warning)
    assert "depth is '57'" in warned
    assert "part is 'stages" in warned


def test_two_choices_that_exclude_each_other_leave_the_page_as_it_is(inside):
    at = inside(shortcut="highway", order="full-preactivation")
    assert len(at.exception) == 0
    assert "Shortcut and order exclude each other" in at.warning[0].value
    assert len(at.get("plotly_chart")) >= 2
    assert not at.error
    assert at.selectbox(key="url-order").value == "full-preactivation"  # to be changed there
