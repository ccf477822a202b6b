"""Photographs that stay on disk: decoded when they are asked for, by worker processes ahead of time.

What a worker returns depends on what it was asked alone, so that no number depends on how many there are.
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

from resnet_edu.data import helpers
from resnet_edu.data.order import batch_indices
from resnet_edu.data.views import centre_view, draw_views, ten_crops, training_view
from resnet_edu.experiment.folder import DataMissing
from resnet_edu.host import cores

MOST_WORKERS = 16
AHEAD = 2  # pieces of work that each worker does in advance


@dataclasses.dataclass(frozen=True, eq=False)
class Names:
    """The images' names in two tensors: a million of them go to a worker process in no time."""

    root: str
    letters: Tensor  # uint8, one name after the other
    ends: Tensor  # int64 [N]

    @classmethod
    def of(cls, root: Path, names: Sequence[str]) -> Names:
        encoded = [os.fsencode(name) for name in names]
        ends = torch.tensor([len(name) for name in encoded]).cumsum(0)
        return cls(str(root), torch.frombuffer(bytearray(b"".join(encoded)), dtype=torch.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> Path:
        first = int(self.ends[index - 1]) if index else 0
        return Path(self.root, os.fsdecode(bytes(self.letters[first : int(self.ends[index])].tolist())))


class Photographs:
    """Asked as a uint8 tensor [N, 3, side, side] of centre crops is: len, shape, device, [ ] and, without
    decoding anything yet, `narrow`; `tensor_split` and `ten_crops` decode ahead of whoever takes the pieces.

    Raises `DataMissing` naming the file that cannot be decoded.
    """

    def __init__(
        self, names: Names, side: int, scale: int, device: torch.device | str, workers: int | None
    ) -> None:
        self.names, self.side, self.scale = names, side, scale
        self.device = torch.device(device)
        self.workers = default_workers(self.device) if workers is None else workers
        self.places = range(len(names))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self), 3, self.side, self.side

    def narrow(self, dim: int, start: int, length: int) -> Photographs:
        """`length` of the images from `start` on, as of a tensor; `dim` is 0."""
        part = Photographs(self.names, self.side, self.scale, self.device, self.workers)
        part.places = self.places[start : start + length]
        return part

    def __getitem__(self, chosen: int | slice | Tensor) -> Tensor:
        """uint8 [3, side, side] of one image, [n, 3, side, side] of several, decoded now."""
        if isinstance(chosen, int):
            return self[chosen : chosen + 1 or None][0]
        part = self.places[chosen] if isinstance(chosen, slice) else [self.places[i] for i in chosen]
        with ThreadPoolExecutor() as pool:
            views = list(pool.map(lambda place: _sound(seen(centre_view, [self.at(place)])), part))
        return torch.cat(views).to(self.device)

    def tensor_split(self, pieces: int) -> Iterator[Tensor]:
        """As of a tensor: pieces as even as can be."""
        return self._pieces(centre_view, pieces)

    def ten_crops(self, pieces: int) -> Iterator[Tensor]:
        """uint8 [n, 10, 3, side, side] of every piece."""
        return self._pieces(ten_crops, pieces)

    def at(self, place: int) -> tuple[Path, int, int]:
        """What a view is made of: file, side and scale."""
        return self.names[place], self.side, self.scale

    def _pieces(self, view: Callable[..., Tensor], pieces: int) -> Iterator[Tensor]:
        bounds = torch.arange(self.places.start, self.places.stop).tensor_split(pieces)
        asked = [range(int(some[0]), int(some[-1]) + 1) for some in bounds]
        found = ahead(_Pieces(self, view), asked, min(self.workers, pieces), self.device)
        return (images.to(self.device, non_blocking=True) for images in found)


class _Pieces(Dataset):
    """Asked for some places, gives the views of the images there."""

    def __init__(self, photographs: Photographs, view: Callable[..., Tensor]) -> None:
        self.photographs, self.view = photographs, view

    def __getitem__(self, places: range) -> Tensor | str:
        return seen(self.view, map(self.photographs.at, places))


class TrainingViews(Dataset):
    """Asked for a step, gives its images as that step sees them, or a `shard` of them: uint8 [batch, 3,
    side, side]."""

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
        names, side = self.photographs.names, self.photographs.side
        chosen = batch_indices(step, self.batch, len(names), self.seed).tolist()
        drawn = draw_views(self.batch, self.scales, self.seed, step)
        each = zip(chosen, drawn.scales.tolist(), drawn.places.tolist(), drawn.flips.tolist(), strict=True)
        return seen(training_view, ((names[index], side, *draws) for index, *draws in [*each][self.shard]))


def seen(view: Callable[..., Tensor], each: Iterable[tuple[Any, ...]]) -> Tensor | str:
    """The views stacked; or what is to be said, in words, of the first image that cannot be decoded: an
    exception would arrive from a worker process with its whole history."""
    views = []
    for path, *how in each:
        try:
            views.append(view(path, *how))
        except Exception as error:  # decoders raise all kinds of things for broken files
            return f"{path} cannot be read ({error})"
    return torch.stack(views)


def ahead(answers: Dataset, asked: Sequence[Any], workers: int, device: torch.device) -> Generator[Tensor]:
    """The answers in the order asked, computed in advance by worker processes; by none, if there are none.

    Raises `DataMissing` for what cannot be read, and when a process dies.
    """
    with helpers.main_left_out(), helpers.shielded(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # for slow disks more than cores pay
        loader = iter(
            DataLoader(
                answers,
                batch_size=None,
                sampler=asked,
                num_workers=workers,
                prefetch_factor=AHEAD if workers else None,
                multiprocessing_context=helpers.context(__name__) if workers else None,
                worker_init_fn=helpers.undisturbed,
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # else it draws from PyTorch's own
            )
        )
    try:
        for answer in loader:
            yield _sound(answer)
    except (RuntimeError, ConnectionError) as error:  # the latter where one dies while it answers
        raise DataMissing(f"the processes that decode photographs failed: {error}") from None
    finally:
        del loader  # ends its processes, also where a traceback holds on to all that is here


def default_workers(device: torch.device) -> int:
    """All cores decode for a GPU; on the CPU the net is so much slower that one process keeps up."""
    return 1 if device.type == "cpu" else min(MOST_WORKERS, cores())


def _sound(answer: Tensor | str) -> Tensor:
    if isinstance(answer, str):
        raise DataMissing(
            f"{answer}; put it right and resume. Another image in its place is another data set"
        )
    return answer
