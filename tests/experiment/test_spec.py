"""Specs of other shapes than an experiment's: what any `Spec` does with its fields."""

import dataclasses
from typing import ClassVar

import pytest

from resnet_edu.experiment.spec import Spec, SpecError, dotted_names, setting, unflatten


@dataclasses.dataclass(frozen=True)
class Round(Spec):
    kind: ClassVar[str] = "round"
    radius: float = setting(1.0, low=0.5, help="in metres")


@dataclasses.dataclass(frozen=True)
class Square(Spec):
    kind: ClassVar[str] = "square"
    side: int = setting(2, high=9)
    corners: str = setting("sharp", choices=("sharp", "soft"))


@dataclasses.dataclass(frozen=True)
class Paint(Spec):
    layers: int = 1
    radius: float = 0.0


@dataclasses.dataclass(frozen=True)
class Table(Spec):
    top: Round | Square = Round()
    paint: Paint = Paint()
    legs: tuple[int, ...] = (1, 2, 3, 4)
    folds: bool = False
    name: str = setting("", named=False)


@dataclasses.dataclass(frozen=True)
class Labelled(Spec):
    label: str = setting()


def test_defaults_are_left_out():
    assert Table().to_dict() == {}
    assert Table().flat() == {}
    assert Table(top=Square()).to_dict() == {"top": {"kind": "square"}}
    assert Table(top=Square(side=3)).flat() == {"top": "square", "top.side": "3"}
    assert Table(paint=Paint(layers=2)).to_dict() == {"paint": {"layers": 2}}


def test_what_is_not_named_is_written_but_not_part_of_the_name():
    table = Table(name="kitchen", folds=True)
    assert table.to_dict() == {"name": "kitchen", "folds": True}
    assert table.to_dict(named_only=True) == {"folds": True}


def test_a_tuple_is_a_list_in_json_and_commas_in_text():
    table = Table(legs=(5, 6))
    assert table.to_dict() == {"legs": [5, 6]}
    assert table.flat() == {"legs": "5,6"}
    assert Table.from_dict({"legs": "5, 6,"}) == Table.from_dict({"legs": [5, 6]}) == table
    assert Table.from_dict(unflatten({"legs": ""}, Table)).legs == ()


def test_a_variant_is_told_by_its_kind_alone_or_with_fields():
    assert Table.from_dict({"top": "square"}) == Table(top=Square())
    assert Table.from_dict({"top": {"kind": "square", "side": 3}}) == Table(top=Square(side=3))
    assert Table.from_dict({"top": {"radius": 2}}) == Table(top=Round(radius=2.0)), "the first is meant"
    assert Table.from_dict({"top": Square()}) == Table(top=Square())


@pytest.mark.parametrize("order", [("top", "top.side"), ("top.side", "top")])
def test_text_is_nested_in_any_order(order):
    flat = {"top": "square", "top.side": "3"}
    assert Table.from_dict(unflatten({name: flat[name] for name in order}, Table)) == Table(
        top=Square(side=3)
    )


def test_a_short_name_stands_for_the_only_field_so_called():
    assert unflatten({"side": "3"}, Table) == {"top": {"side": "3"}}
    with pytest.raises(SpecError, match=r"^radius could be top.radius or paint.radius; write one of them"):
        unflatten({"radius": "3"}, Table)


@pytest.mark.parametrize("text", ["true", "True", "1", "yes"])
def test_words_for_true(text):
    assert Table.from_dict({"folds": text}).folds is True


@pytest.mark.parametrize("text", ["false", "FALSE", "0", "no"])
def test_words_for_false(text):
    assert Table.from_dict({"folds": text}).folds is False


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Round(radius=0.4), "radius is 0.4; allowed: 0.5 … "),
        (lambda: Square(side=10), "side is 10; allowed:  … 9"),
        (lambda: Square(corners="blunt"), "corners is 'blunt'; allowed: sharp, soft"),
        (lambda: Square(corners=3), "corners is 3; it takes a word: sharp, soft"),
        (lambda: Table(folds=1), "folds is 1; it takes true or false"),
        (lambda: Table(paint=None), "paint is None; allowed: Paint"),
        (lambda: Table(legs=4), "legs is 4; it takes numbers separated by commas"),
        (lambda: Table(legs=(1, True)), "legs is True; it takes a whole number"),
        (lambda: Table.from_dict([1]), "Table must be an object of fields, not [1]"),
        (lambda: Table.from_dict({"top": 3}), "top must be an object of fields, not 3"),
        (lambda: Table.from_dict({"top": {"kind": ["round"]}}), "top is ['round']; allowed: round, square"),
        (lambda: Table.from_dict({"paint": "red"}), "paint takes no value of its own; set paint.… instead"),
        (lambda: Table.from_dict({"top": {"sides": 3}}), "top.sides is not known; known here: radius"),
        (lambda: Round.from_dict({"kind": "square"}), "kind is not known; known here: radius"),
        (lambda: Labelled.from_dict({}), "Labelled needs label"),
        (lambda: Labelled.from_dict({}, "a.b"), "a.b needs label"),
    ],
)
def test_what_is_not_allowed_is_named(wrong, message):
    with pytest.raises(SpecError) as caught:
        wrong()
    assert str(caught.value) == message


def test_every_field_has_a_dotted_name():
    assert dotted_names(Table) == {
        "top": "",
        "top.radius": "in metres",
        "top.side": "",
        "top.corners": "",
        "paint": "",
        "paint.layers": "",
        "paint.radius": "",
        "legs": "",
        "folds": "",
        "name": "",
    }
