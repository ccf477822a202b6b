"""What a step sees: the stream of permutations, and the augmentation against its slow twin."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from resnet_edu.data import apply_augmentation, augment, batch_indices, draw_augmentation
from resnet_edu.randomness import generator_for, seed_for

counts, batches, seeds = st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**32 - 1)
unhurried = settings(deadline=None)


@given(counts, batches, seeds, st.integers(1, 12))
@unhurried
def test_batches_tile_a_stream_of_permutations(count: int, batch: int, seed: int, steps: int) -> None:
    stream = torch.cat([batch_indices(step, batch, count, seed) for step in range(steps)])
    assert (stream.shape, stream.dtype) == ((steps * batch,), torch.int64)
    for epoch in stream.split(count):
        whole = sorted(epoch.tolist())
        assert whole == (list(range(count)) if len(epoch) == count else sorted(set(whole)))


@given(counts, st.integers(1, 20), st.integers(1, 20), seeds)
@unhurried
def test_the_stream_does_not_depend_on_the_batch(count: int, one: int, other: int, seed: int) -> None:
    first = torch.cat([batch_indices(step, one, count, seed) for step in range(other)])
    second = torch.cat([batch_indices(step, other, count, seed) for step in range(one)])
    assert torch.equal(first, second)


@given(st.integers(0, 10**9), st.integers(1, 300), seeds)
@settings(deadline=None, max_examples=30)
def test_any_step_can_be_computed_alone(step: int, batch: int, seed: int) -> None:
    before = batch_indices(step, batch, 200, seed)
    for other in range(20):
        batch_indices(other, batch, 200, seed)
    assert torch.equal(batch_indices(step, batch, 200, seed), before)


def test_a_batch_may_be_written_to_without_changing_the_stream() -> None:
    before = batch_indices(0, 10, 20, 0).clone()
    batch_indices(0, 10, 20, 0).zero_()
    assert torch.equal(batch_indices(0, 10, 20, 0), before)


def test_epochs_and_seeds_differ() -> None:
    epochs = [tuple(batch_indices(epoch, 50, 50, seed).tolist()) for epoch in range(3) for seed in range(3)]
    assert len(set(epochs)) == 9


def test_seeds_are_the_same_on_every_machine_and_tell_words_apart() -> None:
    assert seed_for(0, "order", 1) == 116889601432050504
    words: list[tuple] = [
        (0, "a", "b"),
        (0, "ab"),
        (0, "a", "1"),
        (0, "a", 1),
        (1, "a", 1),
        (0, "a,", "b"),
        (0,),
    ]
    assert len({seed_for(*each) for each in words}) == len(words)
    assert all(0 <= seed_for(*each) < 2**63 for each in words)
    draws = [torch.rand(5, generator=generator_for(0, "same")) for _ in range(2)]
    assert torch.equal(*draws)


def slow_twin(images: torch.Tensor, offsets: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
    _, channels, height, width = images.shape
    result = []
    for image, (row, column), flip in zip(images, offsets.tolist(), flips.tolist(), strict=True):
        padded = torch.zeros(channels, height + 8, width + 8, dtype=image.dtype)
        padded[:, 4 : 4 + height, 4 : 4 + width] = image
        crop = padded[:, row : row + height, column : column + width]
        result.append(crop.flip(-1) if flip else crop)
    return torch.stack(result)


shapes = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 12), st.integers(1, 12))
dtypes = st.sampled_from([torch.uint8, torch.float32, torch.bfloat16, torch.int64])


@given(shapes, dtypes, seeds)
@unhurried
def test_augmentation_equals_its_slow_twin(
    shape: tuple[int, int, int, int], dtype: torch.dtype, seed: int
) -> None:
    # No two pixels of an image are equal and none is 0, which leaves no doubt where one comes from.
    images = (1 + torch.arange(torch.Size(shape).numel()) % 255).reshape(shape).to(dtype)
    drawn = draw_augmentation(shape[0], generator_for(seed, "augmentation"))
    result = augment(images, generator_for(seed, "augmentation"))
    assert (result.dtype, result.shape) == (dtype, images.shape)
    assert torch.equal(result, slow_twin(images, *drawn))
    for before, after in zip(images, result, strict=True):
        assert set(after.flatten().tolist()) <= {0, *before.flatten().tolist()}


def test_every_crop_and_both_flips_are_drawn_equally_often() -> None:
    offsets, flips = draw_augmentation(81_000, generator_for(0, "augmentation"))
    crops = torch.bincount(offsets[:, 0] * 9 + offsets[:, 1], minlength=81)
    assert len(crops) == 81
    assert (crops - 1000).abs().max() < 5 * 1000**0.5
    assert flips.float().mean() == pytest.approx(0.5, abs=0.01)


def test_the_middle_crop_is_the_image_and_layout_does_not_matter() -> None:
    images = torch.randn(3, 4, 6, 5)
    still = torch.full((3, 2), 4), torch.zeros(3, dtype=torch.bool)
    assert torch.equal(apply_augmentation(images, *still), images)
    drawn = draw_augmentation(3, generator_for(1, "augmentation"))
    other_layout = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(apply_augmentation(other_layout, *drawn), apply_augmentation(images, *drawn))
