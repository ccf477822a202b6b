import numpy as np
import pytest

from resnet_edu.charts.saliency import saliency_maps

IMAGE = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
PLAIN = np.linspace(-1, 2, 48, dtype=np.float32).reshape(3, 4, 4)


def test_a_magnitude_is_the_largest_channels_and_starts_at_zero():
    fig = saliency_maps(IMAGE, PLAIN, 2 * PLAIN, signed=False)
    image, plain, residual = fig.data
    assert np.array_equal(np.asarray(image.z), IMAGE.transpose(1, 2, 0))
    assert np.allclose(plain.z, np.abs(PLAIN).max(axis=0))
    assert np.allclose(residual.z, 2 * np.abs(PLAIN).max(axis=0))
    scale = fig.layout.coloraxis
    assert plain.coloraxis == residual.coloraxis == "coloraxis"  # one scale for both
    assert (scale.cmin, scale.cmax) == (0, 4)


def test_a_signed_map_is_the_channels_sum_around_zero():
    fig = saliency_maps(IMAGE, PLAIN, -PLAIN, signed=True)
    assert np.allclose(fig.data[1].z, PLAIN.sum(axis=0), atol=1e-6)
    scale = fig.layout.coloraxis
    assert scale.cmin == -scale.cmax == pytest.approx(-np.abs(PLAIN.sum(axis=0)).max())


def test_grey_images_and_maps_without_any_number_are_drawn():
    grey, nothing = IMAGE[:1], np.full((1, 4, 4), np.nan, np.float32)
    fig = saliency_maps(grey, nothing, np.zeros((1, 4, 4)), signed=True, notes=("a 3", "says 3", "says 8"))
    assert np.asarray(fig.data[0].z).shape == (4, 4, 3)
    assert fig.layout.coloraxis.cmax == 1.0
    assert fig.layout.xaxis3.title.text == "says 8"
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the first row on top


def test_different_shapes_are_named():
    with pytest.raises(ValueError, match=r"image \(3, 4, 4\), plain \(1, 4, 4\)"):
        saliency_maps(IMAGE, PLAIN[:1], PLAIN, signed=False)
