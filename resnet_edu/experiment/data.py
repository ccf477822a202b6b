"""A data set's description: which images, how many, how large, with which transform. No torch here."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from resnet_edu.experiment.spec import Spec, SpecError, setting

_TRAIN = setting(0, low=0, high=10_000_000, help="training images: the first N of a fixed shuffle; 0: all")
_SIDE = setting(0, low=0, high=1024, help="resize images to this many pixels a side; 0 leaves them")


@dataclasses.dataclass(frozen=True)
class Digits(Spec):
    """scikit-learn's bundled digits: 1,797 scans of 8×8 pixels, 1,500 for training. Works offline."""

    kind: ClassVar[str] = "digits"
    train: int = _TRAIN
    side: int = _SIDE


@dataclasses.dataclass(frozen=True)
class Cifar10(Spec):
    """CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32×32 pixels, 10 classes."""

    kind: ClassVar[str] = "cifar10"
    train: int = _TRAIN
    side: int = _SIDE


@dataclasses.dataclass(frozen=True)
class FashionMnist(Spec):
    """Fashion-MNIST (Xiao 2017): 60,000 + 10,000 grey images of 28×28 pixels, 10 classes."""

    kind: ClassVar[str] = "fashion-mnist"
    train: int = _TRAIN
    side: int = _SIDE


@dataclasses.dataclass(frozen=True)
class Centre(Spec):
    """The centre square of every photograph, resized to `side`. All are decoded once and held in memory."""

    kind: ClassVar[str] = "centre"


@dataclasses.dataclass(frozen=True)
class Jitter(Spec):
    """A new random crop of a photograph at each use (He 2015 §3.4), decoded while the net trains.

    The short side is resized to a random length within `low` … `high`, and a random square of `side`
    pixels is cut out of it or out of its mirror image; the colour is shifted along the principal
    components of the training pixels (Krizhevsky 2012 §4.1). For tests the short side becomes `low`, and
    the centre is cut out; after the last step, ten crops too.
    """

    kind: ClassVar[str] = "jitter"
    low: int = setting(0, low=0, high=4096, help="short side at least; 0: 8/7 of side (256 for 224)")
    high: int = setting(0, low=0, high=4096, help="short side at most; 0: 15/7 of side (480 for 224)")
    lighting: float = setting(
        0.1, low=0.0, high=10.0, help="standard deviation of the random colour shift, in eigenvalues; 0: none"
    )


View = Centre | Jitter


@dataclasses.dataclass(frozen=True)
class ImageFolder(Spec):
    """A folder DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg, named by its content, not by its path."""

    kind: ClassVar[str] = "imagefolder"
    digest: str = setting("", help="sha256 of the folder's content, filled in when the folder is first read")
    path: str = setting("", help="the folder's path", named=False)
    train: int = _TRAIN
    side: int = setting(32, low=8, high=1024, help="pixels a side of the net's input")
    view: View = setting(
        Centre(), help="centre: the centre square, held in memory; jitter: random crops, read as needed"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.scales
        if isinstance(self.view, Jitter) and not self.side <= low <= high:
            raise SpecError(
                f"low is {low} and high is {high}; allowed: side ≤ low ≤ high, and side is {self.side}"
            )

    @property
    def scales(self) -> tuple[int, int]:
        """Least and greatest length of the short side in training, in pixels."""
        if not isinstance(self.view, Jitter):
            return self.side, self.side
        return self.view.low or round(self.side * 8 / 7), self.view.high or round(self.side * 15 / 7)


Data = Digits | Cifar10 | FashionMnist | ImageFolder
