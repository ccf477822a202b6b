"""Read a photograph as a net sees it: upright, RGB, on white. Training, the check before it and own pictures
share this. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the desk starts without Pillow and NumPy
    from PIL import Image

_BEGINNINGS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x80\x04": "a Python object",
    b"\x93NUMPY": "a NumPy file",
}
_TURNS = {  # EXIF orientation → Pillow's transposition
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def open_upright(path: Path, short: int) -> Image.Image:
    """The image in RGB, turned as its EXIF data say, on white where it is transparent. A large JPEG is
    decoded at ½, ¼ or ⅛ of its size, with a short side of at least `short` pixels. Raises what PIL raises for
    a broken file, and `ValueError` for one of another kind and for more than 8 bits."""
    from PIL import Image, UnidentifiedImageError

    try:
        opened = Image.open(path)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            raise ValueError(f"it is {kind_of(file.read(1000))}") from None
    with opened as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} pixels have more than 8 bits; save the image with 8")
        (width, height), least = image.size, min(image.size)
        image.draft("RGB", (-(-short * width // least), -(-short * height // least)))  # at ½, ¼ or ⅛
        return upright_on_white(image)


def upright_on_white(image: Image.Image, longest: int | None = None) -> Image.Image:
    """The picture in RGB, turned as its EXIF data say, on white where it is transparent; of 16 bits the upper
    8; made smaller if it is longer than `longest` pixels. Image folders and own pictures are read by this one
    function, so that a net sees both alike."""
    import numpy as np
    from PIL import Image

    image.load()  # before getexif, which reads the pixels too and would raise other errors
    turn = _TURNS.get(_orientation(image) or 1)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if longest is not None and max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.BILINEAR)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    return image if turn is None else image.transpose(Image.Transpose[turn])


def kind_of(data: bytes) -> str:
    """What kind of file it seems to be, if it is no picture."""
    found = next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)
    if found:
        return found
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file"
    text = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<script")):
        return "a web page or XML"
    return "no picture that is known here"


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(0x0112)
    except Exception:  # whatever EXIF data are wrong, the picture may be right
        return None
