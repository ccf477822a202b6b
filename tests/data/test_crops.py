"""One photograph as it is seen: upright, in colour, at the scale and place that were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import pixels
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from resnet_edu.data.crops import centre_crop, draw_crops, square, ten_crops, training_crop


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    Image.fromarray(pixels((150, 100), 0, 1)).save(tmp_path / "photograph.png")
    return tmp_path / "photograph.png"


def difference(one: Tensor, other: Tensor) -> float:
    return (one.float() - other.float()).abs().mean().item()


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_scales_stay_within_their_bounds(low: int, more: int, seed: int, step: int) -> None:
    draws = draw_crops(16, (low, low + more), seed, step)
    assert draws.scales.min() >= low
    assert draws.scales.max() <= low + more
    assert draws.places.min() >= 0
    assert draws.places.max() < 1


def test_every_scale_place_and_mirror_is_drawn_as_often() -> None:
    draws = draw_crops(50_000, (256, 480), 0, 0)
    counts = torch.bincount(draws.scales, minlength=481)[256:]
    assert len(counts) == 225
    assert (counts / 50_000 * 225).sub(1).abs().max() < 0.35  # 4.5 standard deviations of such a share
    assert draws.flips.float().mean() == pytest.approx(0.5, abs=0.01)
    assert draws.places.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert draws.places.std(0).tolist() == pytest.approx([12**-0.5] * 2, abs=0.01)
    kinds = (draws.scales, draws.flips, draws.places[:, 0], draws.places[:, 1])
    together = torch.corrcoef(torch.stack([kind.double() for kind in kinds]))
    assert together.fill_diagonal_(0).abs().max() < 0.02


def test_draws_follow_from_seed_and_step_alone() -> None:
    once = draw_crops(8, (256, 480), 3, 7)
    torch.rand(5)
    assert torch.equal(draw_crops(8, (256, 480), 3, 7).places, once.places)
    assert not torch.equal(draw_crops(8, (256, 480), 3, 8).places, once.places)
    assert not torch.equal(draw_crops(8, (256, 480), 4, 7).places, once.places)


places = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0.01, 1), places, places)
def test_a_square_lies_within_the_image(height: int, width: int, share: float, row: float, column: float):
    top, left, length = square(height, width, share, (row, column))
    assert 0 <= top <= top + length <= height
    assert 0 <= left <= left + length <= width
    assert abs(length - share * min(height, width)) <= 0.5 or length == 1


def test_all_places_are_reached() -> None:
    reached = {square(10, 12, 0.8, (u, u))[:2] for u in np.linspace(0, 0.999, 500)}
    assert {top for top, _ in reached} == {0, 1, 2}
    assert {left for _, left in reached} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("scale", [48, 64, 90, 180])
@pytest.mark.parametrize("flip", [False, True])
def test_a_training_view_is_the_paper_s_resize_then_crop_then_mirror(
    photograph: Path, scale: int, flip: bool
) -> None:
    """He 2015 §3.4 word for word, with the crop at the same place; ours resizes no more than it shows."""
    place = (0.3, 0.8)
    view = training_crop(photograph, 48, scale, place, flip)
    assert view.shape == (3, 48, 48)
    assert view.dtype == torch.uint8
    whole = functional.pil_to_tensor(Image.open(photograph))
    top, left, _ = square(100, 150, 48 / scale, place)
    large = functional.resize(whole, [scale], antialias=True)
    crop = functional.crop(large, round(top * scale / 100), round(left * scale / 100), 48, 48)
    crop = crop.flip(-1) if flip else crop
    assert difference(view, crop) < 1.5  # places are in whole pixels, before or after resizing
    assert difference(view, crop.flip(-1)) > 5


def test_ten_crops_are_corners_centre_and_their_mirrors(photograph: Path) -> None:
    crops = ten_crops(photograph, 48, 64)
    large = functional.resize(functional.pil_to_tensor(Image.open(photograph)), [64], antialias=True)
    assert large.shape == (3, 64, 96)
    places = ((0, 0), (0, 48), (16, 0), (16, 48), (8, 24))
    expected = [image[:, r : r + 48, c : c + 48] for image in (large, large.flip(-1)) for r, c in places]
    assert torch.equal(crops, torch.stack(expected))
    assert torch.equal(crops[4], centre_crop(photograph, 48, 64))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (900, 600)])
def test_a_photograph_is_turned_upright(orientation: int, size: tuple[int, int], tmp_path: Path) -> None:
    """As cameras save them: pixels as they lie on the sensor, and how the camera was held as EXIF."""
    upright = Image.fromarray(pixels(size, 1, 2))
    held = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    saved = upright.transpose(held[orientation]) if orientation in held else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    saved.save(tmp_path / "held.jpg", exif=exif, quality=95)
    upright.save(tmp_path / "upright.jpg", quality=95)
    for view in (
        lambda path: centre_crop(path, 32, 40),
        lambda path: training_crop(path, 32, 40, (0.2, 0.9), True),
    ):
        assert difference(view(tmp_path / "held.jpg"), view(tmp_path / "upright.jpg")) < 1.5
    if orientation > 1:
        assert difference(centre_crop(tmp_path / "held.jpg", 32, 40), centre_of(saved)) > 3


def centre_of(image: Image.Image) -> Tensor:
    large = functional.resize(functional.pil_to_tensor(image), [40], antialias=True)
    return functional.center_crop(large, [32, 32])


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_every_kind_of_picture_becomes_three_channels(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("picture.jpg" if mode in ("CMYK", "YCbCr") else "picture.png")
    grey = np.linspace(0, 255, 32 * 32, dtype=np.uint8).reshape(32, 32)
    Image.fromarray(grey).convert(mode).save(path)
    view = training_crop(path, 16, 16, (0, 0), False)
    assert view.shape == (3, 16, 16)
    assert view[:, 0].float().mean() < 20 < 230 < view[:, -1].float().mean()


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(tmp_path: Path, monkeypatch) -> None:
    picture = Image.fromarray(pixels((1200, 900), 0, 3))
    picture.save(tmp_path / "large.jpg", quality=95)
    decoded = []
    to_tensor = functional.pil_to_tensor
    monkeypatch.setattr(
        functional, "pil_to_tensor", lambda image: decoded.append(image.size) or to_tensor(image)
    )
    view = training_crop(tmp_path / "large.jpg", 48, 100, (0.4, 0.6), False)
    assert decoded == [(150, 113)]
    picture.save(tmp_path / "large.png")
    assert difference(view, training_crop(tmp_path / "large.png", 48, 100, (0.4, 0.6), False)) < 1.5


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 2)])
def test_tiny_and_thin_pictures_are_seen_too(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size, (10, 200, 90)).save(tmp_path / "odd.png")
    for view in (
        training_crop(tmp_path / "odd.png", 32, 60, (0.99, 0.99), False),
        centre_crop(tmp_path / "odd.png", 32, 40),
        ten_crops(tmp_path / "odd.png", 32, 40)[7],
    ):
        assert view.shape == (3, 32, 32)
        assert view.flatten(1).double().mean(1).tolist() == pytest.approx([10, 200, 90], abs=1)
