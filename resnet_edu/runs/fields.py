"""Checks of a JSON file's keys. An error is one sentence with file, key, value and what is allowed."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from resnet_edu.runs.files import RunError

_REQUIRED: Final[Any] = object()


class Fields:
    """The keys of one JSON object from the file `where`. Each method reads one key and raises `RunError`
    when its value is not allowed. A key that is missing has the `default`; without one it is an error.
    null is allowed where the default is None."""

    def __init__(self, data: Mapping[str, Any], where: str | Path) -> None:
        self._data, self._where = data, where
        self._read: set[str] = set()

    def text(self, key: str, default: Any = _REQUIRED, *, allowed: tuple[str, ...] = ()) -> Any:
        value = self._get(key, default)
        if value is default:
            return default
        if not isinstance(value, str) or (allowed and value not in allowed):
            raise self._wrong(key, value, ", ".join(allowed) or "text")
        return value

    def integer(self, key: str, default: Any = _REQUIRED, *, low: int = 0, high: int = 2**53) -> Any:
        value = self._get(key, default)
        if value is default:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(key, value, f"{low} … {high}" if high < 2**53 else f"{low} and more")
        return value

    def number(self, key: str, default: Any = _REQUIRED) -> Any:
        """A finite float, 0 or more."""
        value = self._get(key, default)
        if value is default:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e300:
            raise self._wrong(key, value, "a number, 0 or more")
        return float(value)

    def flag(self, key: str, default: Any = _REQUIRED) -> Any:
        value = self._get(key, default)
        if value is not default and not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def texts(self, key: str, default: Any = _REQUIRED) -> Any:
        """A tuple of texts."""
        value = self._get(key, default)
        if value is default:
            return default
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(key, value, "a list of texts")
        return tuple(value)

    def table(self, key: str, default: Any = _REQUIRED) -> Any:
        """A JSON object as it is; null is none."""
        value = self._get(key, default)
        if value is None and key in self._data:
            raise self._wrong(key, value, "an object")
        if value is not default and not isinstance(value, dict):
            raise self._wrong(key, value, "an object")
        return value

    def inner(self, key: str) -> Fields | None:
        """The keys of an object inside this one; None where there is none."""
        value = self.table(key, None)
        return None if value is None else Fields(value, f"{self._where}, {key}")

    def inner_list(self, key: str) -> list[Fields] | None:
        """The same for a list of objects."""
        value = self._get(key, None)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self._wrong(key, value, "a list of objects")
        return [Fields(each, f"{self._where}, {key}") for each in value]

    def integers(self, key: str, default: Any = _REQUIRED, *, low: int, high: int) -> Any:
        """A tuple of integers, at least one."""
        value = self._get(key, default)
        if value is default:
            return default
        good = isinstance(value, list) and value and all(type(each) is int for each in value)
        if not good or not all(low <= each <= high for each in value):
            raise self._wrong(key, value, f"a list of integers, {low} … {high}")
        return tuple(value)

    def numbers(self, key: str) -> Mapping[str, float] | None:
        """Finite numbers by name."""
        value = self.table(key, None)
        if value is not None and not all(_finite(each) for each in value.values()):
            raise self._wrong(key, value, "an object of numbers")
        return value  # type: ignore[no-any-return]  # checked just above

    def rest(self) -> dict[str, Any]:
        """The keys that none of the methods above was asked for: those of a newer version."""
        return {key: value for key, value in self._data.items() if key not in self._read}

    def _get(self, key: str, default: Any) -> Any:
        self._read.add(key)
        if default is _REQUIRED and key not in self._data:
            raise RunError(f"{self._where}: {key} is missing")
        value = self._data.get(key, default)
        if value is None and default is not None:
            raise self._wrong(key, value, "a value")
        return value

    def _wrong(self, key: str, value: Any, allowed: str) -> RunError:
        named = key if key.isprintable() else reprlib.repr(key)  # a file may hold any name
        return RunError(f"{self._where}: {named} is {reprlib.repr(value)}; allowed: {allowed}")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
