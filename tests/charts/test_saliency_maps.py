import numpy as np
import pytest

from resnet_edu.charts.saliency import saliency_maps

IMAGE = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
PLAIN = np.linspace(-1, 2, 48, dtype=np.float32).reshape(3, 4, 4)


def drawn(plain, residual, image=IMAGE, **options):
    maps = {"plain": plain, "residual": residual}
    return saliency_maps(image, maps, scale="points", **{"signed": False} | options)


def test_a_magnitude_is_the_largest_channels_and_starts_at_zero():
    fig = drawn(PLAIN, 2 * PLAIN)
    image, plain, residual = fig.data
    assert np.array_equal(np.asarray(image.z), IMAGE.transpose(1, 2, 0))
    assert np.allclose(plain.z, np.abs(PLAIN).max(axis=0))
    assert np.allclose(residual.z, 2 * np.abs(PLAIN).max(axis=0))
    scale = fig.layout.coloraxis
    assert plain.coloraxis == residual.coloraxis == "coloraxis"  # one scale for both
    assert (scale.cmin, scale.cmax) == (0, 4)
    assert scale.colorbar.title.text == "points"


def test_a_signed_map_is_the_channels_sum_around_zero():
    fig = drawn(PLAIN, -PLAIN, signed=True)
    assert np.allclose(fig.data[1].z, PLAIN.sum(axis=0), atol=1e-6)
    scale = fig.layout.coloraxis
    assert scale.cmin == -scale.cmax == pytest.approx(-np.abs(PLAIN.sum(axis=0)).max())


def test_grey_images_and_maps_without_any_number_are_drawn():
    grey, nothing = IMAGE[:1], np.full((1, 4, 4), np.nan, np.float32)
    fig = drawn(nothing, np.zeros((1, 4, 4)), grey, signed=True, notes=("a 3", "says 3", "says 8"))
    assert np.asarray(fig.data[0].z).shape == (4, 4, 3)
    assert fig.layout.coloraxis.cmax == 1.0
    assert fig.layout.xaxis2.title.text == "says 3"
    assert fig.layout.xaxis3.title.text == "says 8; largest 0"
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the first row on top


def test_a_map_of_one_channel_fits_an_image_of_three():
    fig = drawn(PLAIN[:1], PLAIN[:1])
    assert np.allclose(fig.data[1].z, np.abs(PLAIN[0]))


def test_a_map_can_lie_over_the_grey_image():
    fig = drawn(PLAIN, PLAIN, overlay=True)
    kinds = [(trace.type, trace.xaxis) for trace in fig.data]
    assert kinds == [("image", "x"), ("image", "x2"), ("heatmap", "x2"), ("image", "x3"), ("heatmap", "x3")]
    assert np.allclose(np.asarray(fig.data[1].z)[..., 0], IMAGE.mean(axis=0).astype(np.uint8))
    assert fig.data[2].opacity < 1


def test_one_net_alone_is_drawn_in_its_colour():
    fig = saliency_maps(IMAGE, {"residual": PLAIN}, signed=False, scale="", titles=("image", "resnet-50"))
    assert len(fig.data) == 2
    assert fig.layout.annotations[1].text == "<b>resnet-50</b>"


def test_different_sizes_are_named():
    with pytest.raises(ValueError, match=r"the plain map is \(3, 2, 4\), the image \(3, 4, 4\)"):
        drawn(PLAIN[:, :2], PLAIN)


def test_a_faint_map_is_told_with_its_own_largest_value():
    faint, loud = np.zeros((3, 4, 4)), np.full((3, 4, 4), 70.0)
    faint[1, 2, 3] = -0.25
    fig = drawn(faint, loud, notes=("a 3", "says 3", "says 8"))
    assert fig.layout.coloraxis.cmax == 70
    assert fig.layout.xaxis2.title.text == "says 3; largest 0.25"
    assert fig.layout.xaxis3.title.text == "says 8; largest 70"
    assert fig.layout.xaxis.title.text == "a 3"
