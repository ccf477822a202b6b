"""Mean, covariance and lighting, against NumPy on the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from resnet_edu.data.colours import colours, draw_lighting
from resnet_edu.data.dataset import statistics


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    random = np.random.RandomState(0)
    mixed = random.randn(12, 9, 10, 3) @ np.array([[30, 28, 25], [9, 0, -9], [2, -4, 2]]) + (90, 120, 140)
    return torch.from_numpy(mixed.clip(0, 255).astype(np.uint8)).permute(0, 3, 1, 2)


def test_they_are_those_of_all_pixels(images: torch.Tensor) -> None:
    found = colours([images])
    pixels = images.permute(1, 0, 2, 3).reshape(3, -1).numpy() / 255
    assert found.mean.flatten().tolist() == pytest.approx(pixels.mean(1))
    centred = pixels - pixels.mean(1, keepdims=True)
    assert found.scale == pytest.approx(np.sqrt((centred**2).mean()))
    covariance = np.cov(pixels, bias=True)
    for component in found.components.T.double().numpy():
        length = np.linalg.norm(component)
        assert covariance @ component == pytest.approx(length * component, abs=1e-8)
        assert component[np.abs(component).argmax()] > 0, "one of the two signs, the same on every machine"
    lengths = np.linalg.norm(found.components.numpy(), axis=0)
    assert lengths == pytest.approx(np.linalg.eigvalsh(covariance), abs=1e-8)


def test_the_scale_is_that_of_images_in_memory(images: torch.Tensor) -> None:
    constant_mean = torch.cat([images, 255 - images, *[images.roll(i, 3) for i in range(10)]])
    found, (mean, _) = colours([constant_mean]), statistics(constant_mean)
    assert mean.mean((1, 2)).tolist() == pytest.approx(found.mean.flatten().tolist(), abs=1e-6)


def test_how_the_images_come_changes_no_bit(images: torch.Tensor) -> None:
    once, split = colours([images]), colours(images[torch.randperm(12)].split(5))
    assert torch.equal(once.mean, split.mean)
    assert once.scale == split.scale
    assert torch.equal(once.components, split.components)


def test_images_of_one_colour_have_no_lighting() -> None:
    found = colours([torch.full((2, 3, 4, 4), 77, dtype=torch.uint8)])
    assert found.scale == 1
    assert draw_lighting(5, 0.1, found.components, 0, 0).abs().max() == 0


def test_lighting_is_spread_as_krizhevsky_says(images: torch.Tensor) -> None:
    """Σ αᵢ λᵢ pᵢ with α ~ N(0, 0.1²): mean 0, covariance P diag((0.1 λ)²) Pᵀ."""
    found = colours([images])
    shifts = torch.cat([draw_lighting(1000, 0.1, found.components, 0, step) for step in range(100)]).double()
    values, vectors = np.linalg.eigh(
        np.cov(images.permute(1, 0, 2, 3).reshape(3, -1).numpy() / 255, bias=True)
    )
    expected = vectors @ np.diag((0.1 * values) ** 2) @ vectors.T
    assert shifts.mean(0).abs().max() < 5 * np.sqrt(expected.max() / 100_000)
    assert np.abs(shifts.T.cov().numpy() - expected).max() < 0.02 * expected.max()
    along = (shifts @ torch.from_numpy(vectors)).numpy() / (0.1 * values)
    assert along.std(0) == pytest.approx([1, 1, 1], abs=0.02)
    assert (along**4).mean(0) == pytest.approx([3, 3, 3], abs=0.2), "normal, not only of that variance"


def test_lighting_follows_from_seed_and_step_alone(images: torch.Tensor) -> None:
    components = colours([images]).components
    once = draw_lighting(8, 0.1, components, 3, 7)
    assert torch.equal(draw_lighting(8, 0.1, components, 3, 7), once)
    assert torch.allclose(draw_lighting(8, 0.2, components, 3, 7), 2 * once)
    for seed, step in ((3, 8), (4, 7)):
        assert not torch.equal(draw_lighting(8, 0.1, components, seed, step), once)
