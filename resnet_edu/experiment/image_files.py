"""Which files of a folder of photographs are images, which are junk, and what is left out. No torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNREAD = _words(
    """.heic .heif .hif .avif .jxl .jp2 .j2k .jpe .jfif .jif .jxr .svg .psd .xcf .ai .eps .tga .ico .icns .pnm
    .pbm .exr .hdr .dds .pcx .raw .dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .orf .raf .rw2 .rwl .pef .srw
    .3fr .iiq .x3f .kdc .dcr .mrw .erf .mef"""
)
"""Pictures in formats that are not decoded here, raw ones of cameras among them."""
VIDEOS = _words(".mp4 .mov .m4v .avi .mkv .webm .3gp .mts .m2ts .wmv .mpg .mpeg .flv .ogv")
JUNK = {"system volume information", "icon\r"} | _words(
    """__macosx @eadir @recycle @tmp @recently-snapshot #recycle #snapshot $recycle.bin recycler found.000
    lost+found thumbs.db ehthumbs.db ehthumbs_vista.db desktop.ini picasa.ini __pycache__"""
)
"""What systems and network drives leave in folders, in small letters; hidden names are junk as well."""


def is_junk(name: str) -> bool:
    """A hidden file or folder (.DS_Store, ._a.jpg), or one of the system's own."""
    return name.startswith((".", "~$")) or name.lower() in JUNK


def is_image(name: str) -> bool:
    """The suffix is of a format that is decoded here, in small or large letters."""
    return name.lower().endswith(SUFFIXES) and not is_junk(name)


def class_folders(split: Path) -> list[str]:
    """Names of the folders in DIR/train or DIR/test, sorted, without junk."""
    return sorted(entry.name for entry in os.scandir(split) if entry.is_dir() and not is_junk(entry.name))


def image_names(folder: Path) -> list[str]:
    """Names of the images in a class's folder, sorted; not those in folders inside it."""
    return sorted(entry.name for entry in os.scandir(folder) if is_image(entry.name) and entry.is_file())


def left_out(root: Path, splits: Iterable[str]) -> str:
    """A sentence about the files in these folders of `root` that are not used, and what helps; "" if there
    are none but junk."""
    used, loose, videos = 0, 0, 0
    unread, others, nested = Counter[str](), Counter[str](), Counter[str]()
    for split in splits:
        for folder, names in _walk(root / split):
            place = folder.relative_to(root)
            for name in names:
                kind = os.path.splitext(name)[1].lower()
                picture = is_image(name) or kind in UNREAD
                if picture and len(place.parts) > 2:
                    nested[place.as_posix()] += 1
                elif kind in UNREAD:
                    unread[kind] += 1
                elif kind in VIDEOS:
                    videos += 1
                elif not picture:
                    others[kind or "without a suffix"] += 1
                elif len(place.parts) == 1:
                    loose += 1
                else:
                    used += 1
    reasons = [
        (unread.total(), f"{_counted(unread)}: formats that are not read here, save them as JPEG or PNG"),
        (
            nested.total(),
            f"{nested.total()} in folders inside a class ({_some(nested)}): move them up",
        ),
        (loose, f"{loose} beside the classes' folders: move them into one"),
        (videos, "1 video" if videos == 1 else f"{videos} videos"),
        (others.total(), f"{_counted(others)}: no pictures"),
    ]
    if not (said := [text for count, text in reasons if count]):
        return ""
    every = used + sum(count for count, _ in reasons[:3])
    return f"{root}: {used:,} of {every:,} photographs are used. Left out: {'; '.join(said)}."


def held(folder: Path) -> str:
    """What a folder without images holds instead, such as "3 .heic, 2 folders"; "nothing" if it is empty."""
    entries = [entry for entry in os.scandir(folder) if not is_junk(entry.name)]
    kinds = Counter(
        "folders" if entry.is_dir() else os.path.splitext(entry.name)[1].lower() or "without a suffix"
        for entry in entries
    )
    return _counted(kinds) or "nothing"


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder from `top` down with the names of its files, without junk. Links inside a class are not
    followed: they may lead round in a circle."""
    for folder, folders, names in os.walk(top, followlinks=False):
        folders[:] = [name for name in folders if not is_junk(name)]
        yield Path(folder), [name for name in names if not is_junk(name)]
    for linked in (entry for entry in os.scandir(top) if entry.is_dir() and entry.is_symlink()):
        names = [entry.name for entry in os.scandir(linked) if entry.is_file() and not is_junk(entry.name)]
        yield Path(linked.path), names


def _counted(kinds: Counter[str]) -> str:
    most = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    return ", ".join(f"{count:,} {kind}" for kind, count in most[:6]) + (" …" if len(most) > 6 else "")


def _some(places: Counter[str]) -> str:
    names = sorted(places)
    return ", ".join(names[:2]) + (" …" if len(names) > 2 else "")
