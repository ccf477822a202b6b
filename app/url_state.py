"""A page's state is in its URL: widgets read their values from it, and write changes to it.

For an invalid value the page shows a warning, and uses the default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

T = TypeVar("T")
OLD_NAMES = {"part": "block"}
"""Parameters by the names that they had in older addresses, which are still read."""
EVERYWHERE = ("present", "figure")
"""Parameters of every page: whether it is presented, and the key of the figure that is."""
MOST_WARNINGS = 5
_LINK = re.compile(r"(?<=//)|(?<=www)|(?<=@)", re.IGNORECASE)


def page_links(pages: Sequence[StreamlitPage], chosen: StreamlitPage) -> None:
    """Links to the pages, each with the parameters that this session left there."""
    left = st.session_state.setdefault("addresses", {})
    left[chosen.url_path] = st.query_params.to_dict()
    with st.container(horizontal=True, key="pages"):
        for page in pages:
            st.page_link(page, query_params=left.get(page.url_path))


def show_warnings_in(place: DeltaGenerator) -> None:
    """Set the container for warnings about the URL in this rerun."""
    st.session_state["address-warnings"] = place


def read(name: str, allowed: Sequence[T], default: T) -> T:
    """The one of `allowed` that the URL names, or the default."""
    text = get_param(name)
    by_text = {str(value): value for value in allowed}
    if text is None or text in by_text:
        return default if text is None else by_text[text]
    _warn(name, text, ", ".join(by_text), default)
    return default


def read_several(name: str, allowed: Sequence[T], default: Sequence[T]) -> list[T]:
    """Those of `allowed` that the URL lists, separated by commas; returned in the order of `allowed`."""
    text = get_param(name)
    if text is None:
        return list(default)
    by_text = {str(value): value for value in allowed}
    if set(text.split(",")) <= set(by_text):
        return [value for key, value in by_text.items() if key in text.split(",")]
    _warn(name, text, f"{', '.join(by_text)}, separated by commas", default)
    return list(default)


def read_pairs(name: str, allowed: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of two different values that the URL lists: 'a~b,c~d'."""
    text = get_param(name)
    pairs = [tuple(pair.split("~")) for pair in text.split(",")] if text else []
    if all(len(pair) == 2 and pair[0] != pair[1] and set(pair) <= set(allowed) for pair in pairs):
        return [(one, other) for one, other in pairs]
    _warn(name, text or "", f"pairs such as {'~'.join(allowed[:2])}, of {', '.join(allowed)}", "none")
    return []


def read_number(name: str, low: int, high: int, default: int) -> int:
    text = get_param(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,12}", text) and low <= int(text) <= high:
        return int(text)
    _warn(name, text, f"{low} … {high}", default)
    return default


def read_checked(name: str, check: Callable[[str], Any], default: str) -> str:
    """The URL's text if `check` accepts it; else its `ValueError` is shown as a warning."""
    text = st.query_params.get(name, default)[:60]
    try:
        check(text)
    except ValueError as error:
        _say(f"{error}. Used instead: {default}.")
        return default
    return text


def check_names(known: Collection[str]) -> None:
    """Warn of parameters that the page does not know."""
    read_too = {OLD_NAMES.get(name, name) for name in known}.union(known, EVERYWHERE)
    unknown = [name for name in st.query_params if name not in read_too and not name.startswith("embed")]
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
    clears: Iterable[str] = (),
    **options: Any,
) -> Any:
    """A Streamlit widget whose value is a URL parameter.

    - `widget`: such as `st.selectbox`.
    - `label`: its label.
    - `name`: of the parameter.
    - `value`: what it shows.
    - `clears`: parameters that depend on this one; every change removes them from the URL.
    - `options`: the widget's own.
    """
    key = f"url-{name}"
    st.session_state[key] = value
    return widget(label, key=key, on_change=_changed, args=(name, key, clears), **options)


def select(label: str, name: str, value: Any, words: Mapping[Any, str], **options: Any) -> Any:
    """A selectbox of `words`, value → text."""
    return control(st.selectbox, label, name, value, options=list(words), format_func=words.get, **options)


def segmented(label: str, name: str, value: Any, allowed: Iterable[Any], **options: Any) -> Any:
    """A segmented control: one of `allowed`, a list of values, or value → text."""
    if isinstance(allowed, Mapping):
        options["format_func"] = allowed.get
    widget = options.pop("widget", st.segmented_control)
    return control(widget, label, name, value, options=list(allowed), required=True, **options)


def pills(label: str, name: str, value: Iterable[Any], allowed: Iterable[Any]) -> Any:
    """Pills: one or more of `allowed`, a list of values, or value → text."""
    options: dict[str, Any] = {"options": list(allowed), "selection_mode": "multi"}
    if isinstance(allowed, Mapping):
        options["format_func"] = allowed.get
    return control(st.pills, label, name, list(value), **options)


def checked_text(label: str, name: str, value: str, check: Callable[[str], Any], help: str) -> bool:
    """A text field that writes to the URL what `check` accepts; False while it does not."""
    key, wrong = f"url-{name}", st.session_state.get(f"wrong-{name}")
    st.session_state[key] = value if wrong is None else wrong
    st.text_input(label, key=key, on_change=_typed, args=(name, key, check), help=help)
    try:
        check(st.session_state[key])
    except ValueError as error:
        st.error(escaped(f"{error}."))
        return False
    return True


def get_param(name: str) -> str | None:
    """The parameter's text; an older address may have it under its old name."""
    text = st.query_params.get(name)
    return st.query_params.get(OLD_NAMES[name]) if text is None and name in OLD_NAMES else text


def set_params(**values: Any) -> None:
    """Write parameters to the URL."""
    for name, value in values.items():
        st.query_params.pop(OLD_NAMES.get(name, ""), None)
        st.query_params[name] = as_text(value)


def clear_params(*names: str) -> None:
    """Remove parameters from the URL, under their old names too."""
    for name in names:
        for each in (name, OLD_NAMES.get(name, name)):
            st.query_params.pop(each, None)


def as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def escaped(text: str) -> str:
    """Escape text for Streamlit's Markdown: an address from elsewhere may contain anything."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:&])", r"\\\1", text)


def _warn(name: str, text: str, allowed: str, default: Any) -> None:
    _say(f"{name} is {_short(text)!r}; allowed: {allowed}. Used instead: {as_text(default)}.")


def _say(what: str) -> None:
    """Show a warning. Zero-width spaces keep text of the address from becoming a link."""
    shown = escaped(_LINK.sub("\u200b", f"In the address, {what}"))
    st.session_state["address-warnings"].warning(shown)


def _short(text: str) -> str:
    return text if len(text) < 60 else text[:60] + "…"


def _changed(name: str, key: str, others: Iterable[str]) -> None:
    value = st.session_state[key]
    if value is not None and value != []:  # nothing chosen: the parameter stays as it was
        set_params(**{name: value})
        clear_params(*others)


def _typed(name: str, key: str, check: Callable[[str], Any]) -> None:
    text = st.session_state[key].strip()
    st.session_state.pop(f"wrong-{name}", None)
    try:
        check(text)
        set_params(**{name: text})
    except ValueError:
        st.session_state[f"wrong-{name}"] = text
