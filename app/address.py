"""A page's state lives in its URL: choices are read from it, and written to it when they change.

A value that is not allowed is named in a warning, and the default is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

T = TypeVar("T")
MOST_WARNINGS = 5
_LINK = re.compile(r"(?<=//)|(?<=www)|(?<=@)", re.IGNORECASE)


def link(pages: Sequence[StreamlitPage], chosen: StreamlitPage) -> None:
    """Links to the pages, each as this session left it: Streamlit's own would empty the URL."""
    left = st.session_state.setdefault("addresses", {})
    left[chosen.url_path] = st.query_params.to_dict()
    with st.container(horizontal=True, key="pages"):
        for page in pages:
            st.page_link(page, query_params=left.get(page.url_path))


def warn_into(place: DeltaGenerator) -> None:
    """Where this run of the page says what is wrong with its address."""
    st.session_state["address-warnings"] = place


def read(name: str, allowed: Sequence[T], default: T) -> T:
    """The one of `allowed` that the URL names, or the default."""
    text = st.query_params.get(name)
    by_text = {str(value): value for value in allowed}
    if text is None or text in by_text:
        return default if text is None else by_text[text]
    _warn(name, text, ", ".join(by_text), default)
    return default


def read_several(name: str, allowed: Sequence[T], default: Sequence[T]) -> list[T]:
    """Those of `allowed` that the URL lists, separated by commas, in the order of `allowed`."""
    text = st.query_params.get(name)
    if text is None:
        return list(default)
    by_text = {str(value): value for value in allowed}
    if set(text.split(",")) <= set(by_text):
        return [value for key, value in by_text.items() if key in text.split(",")]
    _warn(name, text, f"{', '.join(by_text)}, separated by commas", default)
    return list(default)


def read_pairs(name: str, allowed: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of two different values that the URL lists: 'a~b,c~d'."""
    text = st.query_params.get(name)
    pairs = [tuple(pair.split("~")) for pair in text.split(",")] if text else []
    if all(len(pair) == 2 and pair[0] != pair[1] and set(pair) <= set(allowed) for pair in pairs):
        return [(one, other) for one, other in pairs]
    _warn(name, text or "", f"pairs such as {'~'.join(allowed[:2])}, of {', '.join(allowed)}", "none")
    return []


def read_number(name: str, low: int, high: int, default: int) -> int:
    text = st.query_params.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,12}", text) and low <= int(text) <= high:
        return int(text)
    _warn(name, text, f"{low} … {high}", default)
    return default


def read_checked(name: str, check: Callable[[str], Any], default: str) -> str:
    """The URL's text if `check` accepts it; what it raises (a `ValueError`) is shown."""
    text = st.query_params.get(name, default)[:60]
    try:
        check(text)
    except ValueError as error:
        _say(f"{error}. Used instead: {default}.")
        return default
    return text


def check_names(known: Collection[str]) -> None:
    """Warn of parameters that the page does not know."""
    unknown = [name for name in st.query_params if name not in known and not name.startswith("embed")]
    for name in unknown[:MOST_WARNINGS]:
        value = st.query_params[name]
        _say(f"{_short(name)!r} is {_short(value)!r}, but not known; known here: {', '.join(known)}.")
    if len(unknown) > MOST_WARNINGS:
        _say(f"{len(unknown) - MOST_WARNINGS:,} more are not known.")


def control(
    widget: Callable[..., Any],
    label: str,
    name: str,
    value: Any,
    *,
    forget: Iterable[str] = (),
    **options: Any,
) -> Any:
    """A Streamlit widget that shows `value` and writes every change to the URL, which then forgets the
    parameters that hang on it."""
    key = f"url-{name}"
    st.session_state[key] = value
    return widget(label, key=key, on_change=_changed, args=(name, key, forget), **options)


def pick_one(label: str, name: str, value: Any, words: Mapping[Any, str], **options: Any) -> Any:
    """A list to choose from, each choice with its words."""
    return control(st.selectbox, label, name, value, options=list(words), format_func=words.get, **options)


def press_one(label: str, name: str, value: Any, allowed: Iterable[Any], **options: Any) -> Any:
    """A row of buttons of which one is pressed; `allowed` may give each its words."""
    if isinstance(allowed, Mapping):
        options["format_func"] = allowed.get
    widget = options.pop("widget", st.segmented_control)
    return control(widget, label, name, value, options=list(allowed), required=True, **options)


def press_several(label: str, name: str, value: Iterable[Any], allowed: Iterable[Any]) -> Any:
    """A row of buttons of which one or more are pressed; `allowed` may give each its words."""
    options: dict[str, Any] = {"options": list(allowed), "selection_mode": "multi"}
    if isinstance(allowed, Mapping):
        options["format_func"] = allowed.get
    return control(st.pills, label, name, list(value), **options)


def checked_text(label: str, name: str, value: str, check: Callable[[str], Any], help: str) -> bool:
    """A text field whose text reaches the URL when `check` accepts it; False while it does not."""
    key, wrong = f"url-{name}", st.session_state.get(f"wrong-{name}")
    st.session_state[key] = value if wrong is None else wrong
    st.text_input(label, key=key, on_change=_typed, args=(name, key, check), help=help)
    try:
        check(st.session_state[key])
    except ValueError as error:
        st.error(escaped(f"{error}."))
        return False
    return True


def put(**values: Any) -> None:
    for name, value in values.items():
        st.query_params[name] = as_text(value)


def forget(*names: str) -> None:
    for name in names:
        st.query_params.pop(name, None)


def as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def escaped(text: str) -> str:
    """Text for Streamlit's Markdown that stays text: somebody else's address may hold anything."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:&])", r"\\\1", text)


def _warn(name: str, text: str, allowed: str, default: Any) -> None:
    _say(f"{name} is {_short(text)!r}; allowed: {allowed}. Used instead: {as_text(default)}.")


def _say(what: str) -> None:
    """A link in somebody else's address is shown, and not made one: a space without width parts it."""
    shown = escaped(_LINK.sub("\u200b", f"In the address, {what}"))
    st.session_state["address-warnings"].warning(shown)


def _short(text: str) -> str:
    return text if len(text) < 60 else text[:60] + "…"


def _changed(name: str, key: str, others: Iterable[str]) -> None:
    value = st.session_state[key]
    if value is not None and value != []:  # nothing chosen: it stays as it was
        put(**{name: value})
        forget(*others)


def _typed(name: str, key: str, check: Callable[[str], Any]) -> None:
    text = st.session_state[key].strip()
    st.session_state.pop(f"wrong-{name}", None)
    try:
        check(text)
        put(**{name: text})
    except ValueError:
        st.session_state[f"wrong-{name}"] = text
