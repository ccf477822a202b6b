"""Read a learner's picture, which may be hostile, and fit it to a net. Nothing is written to disk.

>>> pixels = fitted(decoded(upload), *size_for(run.experiment.data))
>>> facts, arrays = private.ask(run, "saliency", pixels=pixels)
"""

from __future__ import annotations

import io
import re
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import assert_never

import numpy as np
from PIL import Image, UnidentifiedImageError

from resnet_edu.experiment import Cifar10, Data, Digits, FashionMnist, ImageFolder
from resnet_edu.experiment.image_reading import kind_of, upright_on_white

MOST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
LONGEST = 2048
MOST_PARTS = 100
IMAGENET_SIZE, IMAGENET_KEEP = (3, 224), 224 / 256
PHOTOGRAPHS = {
    "china": "a temple in China, by danielbuechele, flickr.com/photos/danielbuechele/6061409035, CC BY 2.0",
    "flower": "a dahlia, by vultilion, flickr.com/photos/vultilion/6056698931, CC BY 2.0",
}

_PARTS = {  # of a JPEG file: each takes its time, however few bytes it has
    "scans": re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e][\1-\4]"),
    "blocks of EXIF data": re.compile(rb"\xff\xe1..Exif\0\0", re.DOTALL),
}
_FORMATS = ("PNG", "JPEG", "WEBP")
_WANTED = "PNG, JPEG and WebP are read"
_one_at_a_time = threading.Lock()  # a picture of 40 million pixels takes 160 MB while it is read


class PictureError(ValueError):
    """A picture that cannot be used, and why, in one sentence."""


def decoded(data: bytes) -> np.ndarray:
    """The picture in a PNG, JPEG or WebP file as uint8 [3, H, W], at most 2,048 pixels long.

    Turned as its EXIF data say; of an animation the first picture; on white where it is transparent; of
    16 bits the upper 8; colour profiles are left out. Raises `PictureError` for more than 10 MB or 40
    million pixels (before any is decoded), for files that are damaged, cut off or no picture, and for a
    JPEG of more than 100 scans.
    """
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"the file has {len(data) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read"
        )
    if not data:
        raise PictureError(f"the file is empty; {_WANTED}")
    if data.startswith(b"\xff\xd8"):
        _check_parts(data)
    try:
        with _one_at_a_time, Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(*image.size)
            return _pixels(image)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"the picture has far more than {MOST_PIXELS:,} pixels: make it smaller") from None
    except UnidentifiedImageError:
        raise PictureError(f"the file is {kind_of(data)}; {_WANTED}") from None
    except Exception as error:  # decoders raise all kinds of things for broken files
        raise PictureError(f"the picture is damaged or cut off ({_line(error)}); save it anew") from None


def fitted(picture: np.ndarray, channels: int, side: int, keep: float = 1.0) -> np.ndarray:
    """uint8 [3, H, W] → uint8 [channels, side, side] as a net takes it: the centre square, resized.

    Bilinear and antialiased, as image folders are read. `keep` is the share of the square's side that is
    used (torchvision's ImageNet nets: 0.875). One channel is the luminance, 0.299 R + 0.587 G + 0.114 B.
    Raises `PictureError` for other arrays, other channels than 1 or 3, sides not in 1 … 1024.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[0] != 3 or 0 in picture.shape:
        raise PictureError(f"picture is {picture.dtype} {picture.shape}; it must be uint8 (3, height, width)")
    if channels not in (1, 3) or not 1 <= side <= 1024 or not 0 < keep <= 1:
        raise PictureError(
            f"channels {channels}, side {side}, keep {keep:g}; allowed: 1 or 3, 1 … 1024, above 0 … 1"
        )
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    image = image.convert("L") if channels == 1 else image
    width, height = image.size
    kept = max(1, round(keep * min(width, height)))
    left, top = (width - kept) // 2, (height - kept) // 2
    square = image.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + kept, top + kept))
    return np.asarray(square).reshape(side, side, channels).transpose(2, 0, 1).copy()


def size_for(data: Data) -> tuple[int, int]:
    """Channels and side of the images that a net trained on this data takes."""
    match data:
        case Digits():
            return 1, data.side or 8
        case FashionMnist():
            return 1, data.side or 28
        case Cifar10():
            return 3, data.side or 32
        case ImageFolder():
            return 3, data.side
        case _:
            assert_never(data)


def advice(data: Data) -> str:
    """What pictures a net trained on this data knows, as advice for an upload."""
    _, side = size_for(data)
    seen = {
        "digits": f"handwritten digits, light on black, {side}×{side} pixels: a dark digit on white paper is "
        "something it has never seen, and so is any photograph",
        "fashion-mnist": f"clothes, light on black, {side}×{side} grey pixels",
        "cifar10": f"airplanes, automobiles, birds, cats, deer, dogs, frogs, horses, ships and trucks in "
        f"{side}×{side} pixels",
        "imagefolder": f"the folder's own classes in {side}×{side} pixels",
    }
    return f"This net has only ever seen {seen[data.kind]}. Whatever it is shown, it will name one of these."


def photograph(name: str) -> np.ndarray:
    """A photograph that ships with scikit-learn, uint8 [3, 427, 640]; credits are in `PHOTOGRAPHS`."""
    if name not in PHOTOGRAPHS:
        raise PictureError(f"name is {name!r}; allowed: {', '.join(PHOTOGRAPHS)}")
    package = find_spec("sklearn")  # importing scikit-learn itself would take seconds
    where = package.submodule_search_locations if package else None
    path = Path(*(where or ["sklearn"])[:1], "datasets", "images", f"{name}.jpg")
    try:
        return decoded(path.read_bytes())
    except OSError:
        raise PictureError(f"{path} is missing. Mend it with: pip install --upgrade scikit-learn") from None


def _check_parts(data: bytes) -> None:
    """A progressive JPEG of 10 MB can hold a hundred thousand scans, which take half an hour to decode."""
    for what, pattern in _PARTS.items():
        count = sum(1 for _ in pattern.finditer(data))
        if count > MOST_PARTS:
            raise PictureError(f"the file has {count:,} {what}; at most {MOST_PARTS} are read: save it anew")


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        size = f"{width:,} × {height:,}"
        raise PictureError(
            f"the picture has {size} pixels; at most {MOST_PIXELS:,} are read: make it smaller"
        )


def _pixels(image: Image.Image) -> np.ndarray:
    image.draft("RGB", (LONGEST, LONGEST))  # a large JPEG is decoded at ½, ¼ or ⅛
    return np.asarray(upright_on_white(image, LONGEST)).transpose(2, 0, 1).copy()


def _line(error: Exception) -> str:
    """The first line of a decoder's message."""
    return (str(error) or type(error).__name__).splitlines()[0][:100]
