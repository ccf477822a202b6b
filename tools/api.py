"""Writes the API pages from the docstrings: `python tools/api.py [FOLDER]`, by default build/docs.

The pages need no network, neither to be built nor to be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import get_type_hints

import pdoc

import resnet_edu

ROOT = Path(__file__).parent.parent


def main(folder: str | Path = ROOT / "build" / "docs") -> Path:
    """Write a page for every module, and their index; returns the index."""
    for module in modules():
        _list_exports(module)
        _resolve_named_tuples(module)
    pdoc.render.configure(docformat="markdown", footer_text=f"resnet-edu {resnet_edu.__version__}")
    pdoc.pdoc("resnet_edu", output_directory=Path(folder))
    return Path(folder, "index.html")


def modules() -> Iterator[ModuleType]:
    """All of the package but `__main__`, which runs when it is imported."""
    for found in walk_packages(resnet_edu.__path__, "resnet_edu."):
        if not found.name.endswith("__main__"):
            yield import_module(found.name)


def _list_exports(room: ModuleType) -> None:
    """pdoc would repeat on a room's page all that the room hands out, and hide the modules where it stands.
    So the page lists the names, as links, and pdoc lists the modules."""
    exports = [_full_name(room, name) for name in vars(room).pop("__all__", ())]
    if exports:
        room.__doc__ = f"{room.__doc__}\n\n**For other rooms:** {', '.join(f'`{name}`' for name in exports)}"


def _full_name(room: ModuleType, name: str) -> str:
    """Where the thing is defined; of a constant or a type alias, which cannot tell, the bare name."""
    value = getattr(room, name)
    place = getattr(value, "__module__", "") if hasattr(value, "__qualname__") else ""
    return f"{place}.{value.__qualname__}" if place.startswith("resnet_edu.") else name


def _resolve_named_tuples(module: ModuleType) -> None:
    """Annotations of a named tuple are text, which pdoc looks up in a module that does not exist."""
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, tuple) and value.__module__ == module.__name__:
            value.__new__.__annotations__ = get_type_hints(value)


if __name__ == "__main__":
    print(main(*sys.argv[1:2]))
