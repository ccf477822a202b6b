"""Photographs that stay on disk; worker processes decode them in advance.

A worker's result depends on its request only, so the number of workers changes no bit.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resnet_edu.data import decode_processes
from resnet_edu.data.crops import centre_crop, draw_crops, ten_crops, training_crop
from resnet_edu.data.order import batch_indices
from resnet_edu.experiment.folder import DataMissing
from resnet_edu.host import cores

MAX_WORKERS = 16
PREFETCH_FACTOR = 2  # batches that each worker decodes in advance


@dataclasses.dataclass(frozen=True, eq=False)
class PackedPaths:
    """File names packed into two tensors, so that a million of them are sent to a worker process quickly."""

    root: str
    letters: Tensor  # uint8, one name after the other
    ends: Tensor  # int64 [N]

    @classmethod
    def pack(cls, root: Path, names: Sequence[str]) -> PackedPaths:
        encoded = [os.fsencode(name) for name in names]
        ends = torch.tensor([len(name) for name in encoded]).cumsum(0)
        return cls(str(root), torch.frombuffer(bytearray(b"".join(encoded)), dtype=torch.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Path:
        first = int(self.ends[index - 1]) if index else 0
        return Path(self.root, os.fsdecode(bytes(self.letters[first : int(self.ends[index])].tolist())))


class Photographs:
    """Centre crops with the interface of a uint8 tensor [N, 3, side, side]: len, shape, device, [ ], `narrow`
    (which decodes nothing yet) and `tensor_split`. `tensor_split` and `ten_crops` decode in advance.

    paths    of the images
    side     height and width of the crops, in pixels
    scale    short side of the resized images, in pixels
    device   where the crops go
    workers  decoding processes; 0: decode in this process; None: `default_workers`

    Raises `DataMissing` with the file that cannot be decoded.
    """

    def __init__(
        self, paths: PackedPaths, side: int, scale: int, device: torch.device | str, workers: int | None
    ) -> None:
        self.paths, self.side, self.scale = paths, side, scale
        self.device = torch.device(device)
        self.workers = default_workers(self.device) if workers is None else workers
        self.places = range(len(paths))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self), 3, self.side, self.side

    def narrow(self, dim: int, start: int, length: int) -> Photographs:
        """As `Tensor.narrow`: `length` images from `start`; `dim` is 0."""
        part = Photographs(self.paths, self.side, self.scale, self.device, self.workers)
        part.places = self.places[start : start + length]
        return part

    def __getitem__(self, chosen: int | slice | Tensor) -> Tensor:
        """Decode now: uint8 [3, side, side] for an int, [n, 3, side, side] for a slice or index tensor."""
        if isinstance(chosen, int):
            return self[chosen : chosen + 1 or None][0]
        part = self.places[chosen] if isinstance(chosen, slice) else [self.places[i] for i in chosen]
        with ThreadPoolExecutor() as pool:
            crops = list(
                pool.map(lambda place: _checked(apply_transform(centre_crop, [self.at(place)])), part)
            )
        return torch.cat(crops).to(self.device)

    def tensor_split(self, pieces: int) -> Iterator[Tensor]:
        """As `Tensor.tensor_split`: pieces of nearly equal size, uint8 [n, 3, side, side]."""
        return self._pieces(centre_crop, pieces)

    def ten_crops(self, pieces: int) -> Iterator[Tensor]:
        """Ten crops of each image, in `pieces` pieces: uint8 [n, 10, 3, side, side]."""
        return self._pieces(ten_crops, pieces)

    def at(self, place: int) -> tuple[Path, int, int]:
        """Arguments of a transform for the image at `place`: file, side and scale."""
        return self.paths[place], self.side, self.scale

    def _pieces(self, transform: Callable[..., Tensor], pieces: int) -> Iterator[Tensor]:
        bounds = torch.arange(self.places.start, self.places.stop).tensor_split(pieces)
        ranges = [range(int(some[0]), int(some[-1]) + 1) for some in bounds]
        decoded = prefetch(_Pieces(self, transform), ranges, min(self.workers, pieces), self.device)
        return (images.to(self.device, non_blocking=True) for images in decoded)


class _Pieces(Dataset[Tensor | str]):
    """Indexed by a range of places: the transformed images at these places."""

    def __init__(self, photographs: Photographs, transform: Callable[..., Tensor]) -> None:
        self.photographs, self.transform = photographs, transform

    def __getitem__(self, places: range) -> Tensor | str:
        return apply_transform(self.transform, map(self.photographs.at, places))


class TrainingBatches(Dataset[Tensor | str]):
    """Indexed by a step: its augmented images, or the `shard` of them, uint8 [batch, 3, side, side].

    photographs  the training images
    scales       least and greatest short side, in pixels
    batch        images per step
    seed         of the experiment
    shard        this process's part of a batch
    """

    def __init__(
        self,
        photographs: Photographs,
        scales: tuple[int, int],
        batch: int,
        seed: int,
        shard: slice = slice(None),
    ) -> None:
        self.photographs, self.scales, self.batch, self.seed = photographs, scales, batch, seed
        self.shard = shard

    def __getitem__(self, step: int) -> Tensor | str:
        paths, side = self.photographs.paths, self.photographs.side
        chosen = batch_indices(step, self.batch, len(paths), self.seed).tolist()
        drawn = draw_crops(self.batch, self.scales, self.seed, step)
        each = zip(chosen, drawn.scales.tolist(), drawn.places.tolist(), drawn.flips.tolist(), strict=True)
        return apply_transform(
            training_crop, ((paths[index], side, *draws) for index, *draws in [*each][self.shard])
        )


def apply_transform(transform: Callable[..., Tensor], each: Iterable[tuple[Any, ...]]) -> Tensor | str:
    """`transform(path, …)` for each tuple of arguments, stacked: uint8 [n, …].

    Returns a sentence about the first image that cannot be decoded: an exception from a worker process would
    bring its whole traceback.
    """
    transformed = []
    for path, *arguments in each:
        try:
            transformed.append(transform(path, *arguments))
        except Exception as error:  # decoders raise many kinds of errors for broken files
            return f"{path} cannot be read ({error})"
    return torch.stack(transformed)


def prefetch(
    dataset: Dataset[Tensor | str], keys: Sequence[Any], workers: int, device: torch.device
) -> Generator[Tensor]:
    """dataset[key] for each of `keys`, in order, computed in advance by `workers` processes (0: by this one),
    on the CPU, in pinned memory if `device` is a GPU.

    Raises `DataMissing` for an image that cannot be read, and when a process dies.
    """
    loader = None
    try:
        loader = _loader(dataset, keys, workers, device)
        for images in loader:
            yield _checked(images)
    except (RuntimeError, ConnectionError, EOFError) as error:  # the last two: a process died while sending
        raise DataMissing(f"the processes that decode photographs failed: {error}") from None
    finally:
        del loader  # ends its processes even if a traceback keeps this frame


def _loader(
    dataset: Dataset[Tensor | str], keys: Sequence[Any], workers: int, device: torch.device
) -> Iterator[Tensor | str]:
    """Starts the processes."""
    with (
        decode_processes.without_main_module(),
        decode_processes.signals_blocked(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings(
            "ignore", "This DataLoader will create"
        )  # with slow disks, more workers than cores are faster
        return iter(
            DataLoader(
                dataset,
                batch_size=None,
                sampler=keys,
                num_workers=workers,
                prefetch_factor=PREFETCH_FACTOR if workers else None,
                multiprocessing_context=decode_processes.start_context(__name__) if workers else None,
                worker_init_fn=decode_processes.init_worker,
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # otherwise it draws from PyTorch's global generator
            )
        )


def default_workers(device: torch.device) -> int:
    """One process per core for a GPU; one for a CPU, where the net is so slow that one keeps up."""
    return 1 if device.type == "cpu" else min(MAX_WORKERS, cores())


def _checked(images: Tensor | str) -> Tensor:
    if isinstance(images, str):
        raise DataMissing(f"{images}; repair it and resume. Another image would make it another data set")
    return images
