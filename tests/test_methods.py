"""The words for methods and measures: whole sentences with their sources, and true to what is computed."""

import dataclasses
import re

import pytest

from resnet_edu import methods
from resnet_edu.methods import METHODS, Measure

ALL = METHODS | {name: each for name, each in vars(methods).items() if isinstance(each, Measure)}


@pytest.mark.parametrize("name", ALL)
def test_everything_says_what_it_measures_what_it_cannot_tell_and_who_says_so(name):
    words = ALL[name]
    assert words.title
    for sentence in (words.measures, words.cannot_tell):
        assert sentence.endswith(".")
        assert not re.search(r"  |\s$|\.\.", sentence)
    assert re.search(r"cannot|can hardly|not that the map is right", words.cannot_tell)
    assert re.search(r"(19|20)\d\d, arXiv \d{4}\.\d{5}|20\d\d, arXiv \d{4}\.\d{4}", words.source)


def test_what_promises_to_add_up_is_signed():
    assert {name for name, each in METHODS.items() if each.complete} == {"integrated_gradients", "deep_lift"}
    assert all(each.signed for each in METHODS.values() if each.complete)
    assert {name for name, each in METHODS.items() if each.of_unit} == {"grad_cam", "guided_grad_cam"}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_why_a_map_can_be_blank(name):
    assert METHODS[name].zero.endswith(".")
    assert ("ReLU" in METHODS[name].zero) == (name not in ("occlusion", "integrated_gradients"))


def test_words_are_only_read():
    with pytest.raises(dataclasses.FrozenInstanceError):
        METHODS["saliency"].title = "x"
