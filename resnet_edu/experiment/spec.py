"""Frozen, validated descriptions: to and from JSON, URL queries and command-line flags.

A `Spec` is a frozen dataclass whose fields hold numbers, words, tuples of numbers, or other specs.
Variants of one thing (a shortcut, a data set) are sibling specs that differ by their `kind`. Values
equal to the default are left out when a spec is written, so a field added later changes no name.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Self


class SpecError(ValueError):
    """A value that is not allowed; the message names field, value and what is allowed."""


def setting(
    default: Any = dataclasses.MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    help: str = "",
    named: bool = True,
) -> Any:
    """A dataclass field of a `Spec`.

    - `default`: without one the field is required.
    - `low`, `high`: bounds of a number, both allowed.
    - `choices`: the allowed words.
    - `help`: for the command line.
    - `named`: False keeps the field out of the experiment's name.
    """
    bounds = {"low": low, "high": high, "choices": choices, "help": help, "named": named}
    return dataclasses.field(default=default, metadata=bounds)


@dataclasses.dataclass(frozen=True)
class Spec:
    """Base of all descriptions. Raises `SpecError` when a field's value is not allowed."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field, hint in fields_of(type(self)):
            value = _checked(getattr(self, field.name), hint, field)
            object.__setattr__(self, field.name, value)

    def to_dict(self, *, named_only: bool = False) -> dict[str, Any]:
        """Nested plain data without defaults; `named_only` leaves out fields that change no number, too."""
        written: dict[str, Any] = {"kind": self.kind} if self.kind else {}
        for field, _ in fields_of(type(self)):
            value = getattr(self, field.name)
            if value == field.default or (named_only and not field.metadata.get("named", True)):
                continue
            if isinstance(value, Spec):
                value = value.to_dict(named_only=named_only)
            written[field.name] = list(value) if isinstance(value, tuple) else value
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "") -> Self:
        """The inverse of `to_dict`; raises `SpecError` for unknown keys and wrong values."""
        if not isinstance(data, Mapping):
            raise SpecError(f"{where or cls.__name__} must be an object of fields, not {data!r}")
        hints = {field.name: hint for field, hint in fields_of(cls)}
        values = {key: value for key, value in data.items() if not (key == "kind" and value == cls.kind)}
        for name in values:
            if name not in hints:
                unknown = _dotted(where, _on_one_line(name))
                raise SpecError(f"{unknown} is not known; known here: {', '.join(hints)}")
            if kinds := kinds_of(hints[name]):
                values[name] = _pick(kinds, values[name], _dotted(where, name))
        try:
            return cls(**values)
        except TypeError:
            missing = [f.name for f, _ in fields_of(cls) if f.default is dataclasses.MISSING]
            raise SpecError(f"{where or cls.__name__} needs {', '.join(missing)}") from None

    def flat(self, prefix: str = "") -> dict[str, str]:
        """Dotted names to text, defaults left out: for a URL or a command line."""
        flat: dict[str, str] = {}
        for field, _ in fields_of(type(self)):
            value, name = getattr(self, field.name), _dotted(prefix, field.name)
            if value == field.default:
                continue
            if isinstance(value, Spec):
                if value.kind:
                    flat[name] = value.kind
                flat |= value.flat(name)
            else:
                flat[name] = _text(value)
        return flat


def unflatten(flat: Mapping[str, str], into: type[Spec]) -> dict[str, Any]:
    """Nest dotted text for `from_dict`. A short name (`lr`) means the only field of that name."""
    nested: dict[str, Any] = {}
    for name, text in flat.items():
        place = nested
        *parents, last = _full_name(name, into).split(".")
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                inner = place[parent] = {"kind": inner}
            place = inner
        if isinstance(place.get(last), dict):
            place[last]["kind"] = text
        else:
            place[last] = text
    return nested


def fields_of(spec: type[Spec]) -> list[tuple[dataclasses.Field[Any], Any]]:
    """Each field with its type; cached, because each new spec needs them, and resolving types is slow."""
    if spec not in _FIELDS:
        hints = typing.get_type_hints(spec)
        _FIELDS[spec] = [(field, hints[field.name]) for field in dataclasses.fields(spec)]
    return _FIELDS[spec]


_FIELDS: dict[type[Spec], list[tuple[dataclasses.Field[Any], Any]]] = {}


def kinds_of(hint: Any) -> list[type[Spec]]:
    """The specs that a field may hold: one, or the variants of a union; empty for plain values."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [option for option in options if isinstance(option, type) and issubclass(option, Spec)]


def dotted_names(spec: type[Spec], prefix: str = "") -> dict[str, str]:
    """Every field's dotted name with its help text, over all variants."""
    names: dict[str, str] = {}
    for field, hint in fields_of(spec):
        name = _dotted(prefix, field.name)
        names.setdefault(name, field.metadata.get("help", ""))
        for kind in kinds_of(hint):
            names |= {k: v for k, v in dotted_names(kind, name).items() if k not in names}
    return names


def _full_name(name: str, spec: type[Spec]) -> str:
    known = dotted_names(spec)
    if name in known:
        return name
    found = [full for full in known if full.endswith("." + name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpecError(f"{name} could be {' or '.join(found)}; write one of them in full")
    raise SpecError(f"{_on_one_line(name)} is not known; known: {', '.join(known)}")


def _pick(kinds: list[type[Spec]], data: Any, where: str) -> Spec:
    if isinstance(data, Spec):
        return data
    if isinstance(data, str):
        data = {"kind": data}
    if not isinstance(data, Mapping):
        raise SpecError(f"{where} must be an object of fields, not {data!r}")
    if not kinds[0].kind:
        if "kind" in data:
            raise SpecError(f"{where} takes no value of its own; set {where}.… instead")
        return kinds[0].from_dict(data, where)
    by_name = {kind.kind: kind for kind in kinds}
    name = data.get("kind", kinds[0].kind)
    if not isinstance(name, str) or name not in by_name:
        raise SpecError(f"{where} is {name!r}; allowed: {', '.join(by_name)}")
    return by_name[name].from_dict(data, where)


def _checked(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    if kinds := kinds_of(hint):
        if not isinstance(value, tuple(kinds)):
            raise SpecError(
                f"{field.name} is {value!r}; allowed: {', '.join(k.kind or k.__name__ for k in kinds)}"
            )
        return value
    if typing.get_origin(hint) is tuple:
        return _checked_tuple(value, typing.get_args(hint)[0], field)
    return _checked_scalar(value, hint, field)


def _checked_tuple(value: Any, hint: Any, field: dataclasses.Field[Any]) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)):
        raise SpecError(f"{field.name} is {value!r}; it takes numbers separated by commas")
    return tuple(_checked_scalar(part, hint, field) for part in value)


def _checked_scalar(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    bounds = field.metadata
    converted = _converted(value, hint)
    if converted is None:
        raise SpecError(f"{field.name} is {value!r}; it takes {_WORDS[hint]}{_allowed(bounds)}")
    low, high, choices = bounds.get("low"), bounds.get("high"), bounds.get("choices")
    if choices and converted not in choices:
        raise SpecError(f"{field.name} is {converted!r}; allowed: {', '.join(choices)}")
    if (low is not None and converted < low) or (high is not None and converted > high):
        raise SpecError(f"{field.name} is {_text(converted)};{_allowed(bounds).lstrip(',')}")
    return converted


_DECIMAL_COMMA = re.compile(r"[+-]?(0?,\d+|\d+,(\d{1,2}|\d{4,}))(e[+-]?\d+)?", re.IGNORECASE)
"""0,125 and 12,5, but not 1,250, which means a thousand to others."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def _converted(value: Any, hint: type) -> Any:
    """The value as `hint`, or None where it cannot be one. Text from a URL counts; 1.5 is no integer."""
    if hint is bool:
        if isinstance(value, str):
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
                value.lower()
            )
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if hint is str:
        return value if isinstance(value, str) else None
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        value = value.replace(",", ".")
    try:
        number = float(value) + 0.0  # −0.0 equals 0.0, so it must not be written differently
        whole = math.isfinite(number) and number == int(number) and abs(number) < 2**53
        return hint(number) if whole or (hint is float and math.isfinite(number)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _allowed(bounds: Mapping[str, Any]) -> str:
    if bounds.get("choices"):
        return f": {', '.join(bounds['choices'])}"
    low, high = bounds.get("low"), bounds.get("high")
    if low is None and high is None:
        return ""
    return f", allowed: {'' if low is None else f'{low:.12g}'} … {'' if high is None else f'{high:.12g}'}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    return f"{value!r}" if isinstance(value, float) else str(value)


def _on_one_line(name: str) -> str:
    """A file or an address may hold any name, of two lines too."""
    return name if name.isprintable() else repr(name)


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
