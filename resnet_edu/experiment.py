"""One training, described in full by one frozen `Experiment`, named by the hash of its mathematics.

    >>> twin = Experiment(net=Cifar(depth=56, shortcut=NoShortcut()), data=Digits(), seed=1)
    >>> twin.label
    'plain-56'

Where and how it is computed (device, precision, threads) is no part of it: a run stores that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import ClassVar

from resnet_edu.netnames import named_net
from resnet_edu.netparts import (
    NoShortcut,
    PadShortcut,
    ProjectionEverywhere,
    ProjectionShortcut,
    Shortcut,
)
from resnet_edu.netspec import Cifar, Dense, Imagenet, Net
from resnet_edu.spec import Spec, SpecError, dotted_names, setting, unflatten

__all__ = [
    "SCHEMA",
    "Cifar",
    "Cifar10",
    "Data",
    "Dense",
    "Digits",
    "Experiment",
    "FashionMnist",
    "ImageFolder",
    "Imagenet",
    "Net",
    "NoShortcut",
    "PadShortcut",
    "ProjectionEverywhere",
    "ProjectionShortcut",
    "Recipe",
    "Shortcut",
    "named_net",
    "settings_help",
]

SCHEMA = 1


_TRAIN = setting(
    0, low=0, high=10_000_000, help="training images: the first so many of a fixed shuffle; 0: all"
)
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
class ImageFolder(Spec):
    """A folder DIR/train/CLASS/*.jpg and DIR/test/CLASS/*.jpg, named by its content, not by its path."""

    kind: ClassVar[str] = "imagefolder"
    digest: str = setting("", help="sha256 of the folder's content, filled in when the folder is first read")
    path: str = setting("", help="where the folder lies", named=False)
    train: int = _TRAIN
    side: int = setting(32, low=8, high=1024, help="pixels a side: the short side is resized, then cropped")


Data = Digits | Cifar10 | FashionMnist | ImageFolder


@dataclasses.dataclass(frozen=True)
class Recipe(Spec):
    """SGD with momentum and a step schedule (He 2015 §4.2)."""

    steps: int = setting(64_000, low=1, high=10_000_000, help="mini-batches to train on")
    batch: int = setting(128, low=2, high=65_536, help="images a step")
    lr: float = setting(0.1, low=0.0, high=100.0, help="learning rate at the start")
    drops: tuple[float, ...] = setting(
        (0.5, 0.75), low=0.0, high=1.0, help="lr ÷ 10 at these shares of the steps"
    )
    momentum: float = setting(0.9, low=0.0, high=0.9999, help="SGD momentum")
    weight_decay: float = setting(1e-4, low=0.0, high=10.0, help="on every parameter, as in the paper")
    warmup: int = setting(
        0, low=0, high=1_000_000, help="steps at warmup_lr first (He 2015: 400 for 110 layers)"
    )
    warmup_lr: float = setting(0.01, low=0.0, high=100.0, help="learning rate of those steps")
    augment: bool = setting(False, help="pad 4, random crop and flip, per image")

    def lr_at(self, step: int) -> float:
        """The learning rate of the step with this index (0 is the first)."""
        if step < self.warmup:
            return self.warmup_lr
        return self.lr * 0.1 ** sum(step >= share * self.steps for share in self.drops)


@dataclasses.dataclass(frozen=True)
class Experiment(Spec):
    """Everything that decides the numbers of one training; equal experiments have equal `key`s."""

    net: Net = setting(Cifar(), help="a name, see `resnet-edu net --help`; or cifar, dense, imagenet")
    data: Data = setting(Digits(), help="digits, cifar10, fashion-mnist or imagefolder")
    recipe: Recipe = Recipe()
    seed: int = setting(0, low=0, high=2**32 - 1, help="of initial weights, data order and augmentation")

    @property
    def key(self) -> str:
        """Twelve hex digits of the SHA-256 of what changes the mathematics."""
        named = {"schema": SCHEMA, **self.to_dict(named_only=True)}
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        return self.net.label

    @property
    def name(self) -> str:
        """The run's folder: readable words, then the key."""
        return f"{self.label}-{self.data.kind}-s{self.seed}-{self.key}"

    def twin(self) -> Experiment:
        """The same experiment with the shortcut taken away, or (from plain) with the usual one put in."""
        return dataclasses.replace(self, net=self.net.twin())

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **self.to_dict()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """Raises `SpecError` when the text is no JSON, of another schema, or holds unknown values."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"this is not JSON: {error}") from None
        if not isinstance(data, dict) or data.pop("schema", SCHEMA) != SCHEMA:
            raise SpecError(f"an experiment is an object with schema {SCHEMA}")
        return cls.from_dict(data)

    def to_query(self) -> dict[str, str]:
        """Flat text for a URL or flags: {'net': 'cifar', 'net.depth': '56', 'seed': '1'}."""
        return self.flat()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Experiment:
        """Reads `to_query`, short names (`lr`) and named nets (`net=plain-56`); raises `SpecError`."""
        flat: dict[str, str] = {}
        for name, text in query.items():
            flat |= named_net(text) if name == "net" and "-" in text else {name: text}
        return cls.from_dict(unflatten(flat, cls))


def settings_help() -> dict[str, str]:
    """Dotted name → help text of everything that an experiment can be told."""
    return dotted_names(Experiment)
