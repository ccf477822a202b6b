"""One training, described in full by one frozen `Experiment`, named by the hash of its mathematics.

    >>> twin = Experiment(net=Cifar(depth=56, shortcut=NoShortcut()), data=Digits(), seed=1)
    >>> twin.label
    'plain-56'

Where and how it is computed (device, precision, threads) is no part of it: the run stores that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import ClassVar

from resnet_edu.experiment.data import Data, Digits, ImageFolder, Jitter
from resnet_edu.experiment.names import name_of, named_net
from resnet_edu.experiment.net import Cifar, Dense, Net
from resnet_edu.experiment.spec import Spec, SpecError, dotted_names, setting, unflatten

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Shares(Spec):
    """The learning rate falls at fixed steps: at `drops`, shares of all steps (He 2015 §4.2)."""

    kind: ClassVar[str] = "shares"


@dataclasses.dataclass(frozen=True)
class Plateau(Spec):
    """The learning rate falls "when the error plateaus" (He 2015 §3.4), here: the training loss.

    After every window of steps its mean loss is compared with the lowest of the windows before. Unless
    it is lower by `gain`, the learning rate is divided by 10. The paper does not say which error it watched;
    the test error must not decide how a net is trained.
    """

    kind: ClassVar[str] = "plateau"
    window: float = setting(
        0.05, low=0.0, high=1.0, help="steps whose losses are averaged, as a share of all"
    )
    gain: float = setting(0.01, low=0.0, high=1.0, help="by which share the loss must have fallen")
    falls: int = setting(3, low=0, high=10, help="how often lr is divided by 10 at most")


Schedule = Shares | Plateau


@dataclasses.dataclass(frozen=True)
class Recipe(Spec):
    """SGD with momentum, the learning rate divided by 10 now and then (He 2015 §3.4 and §4.2)."""

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
    dropout: float = setting(
        0.0, low=0.0, high=0.99, help="share of each unit's output that a step drops (Srivastava 2014)"
    )
    frozen: int = setting(
        0, low=0, high=1000, help="units that keep their initial weights, chosen by the seed (Géron, ch. 14)"
    )
    greedy: int = setting(
        0, low=0, high=500, help="phases of greedy training, a share of the units at a time; then one for all"
    )
    schedule: Schedule = setting(Shares(), help="shares: lr falls at drops; plateau: when the loss stays")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.schedule, Plateau) and self.drops != type(self).drops:
            raise SpecError(
                "leave out drops or schedule plateau: drops are fixed steps, and a plateau finds its own"
            )

    def lr_at(self, step: int, falls: int = 0) -> float:
        """The learning rate of a step (0 is the first); with a plateau schedule, after `falls` divisions
        by 10. In greedy training it falls at the shares of each phase."""
        if step < self.warmup:
            return self.warmup_lr
        if isinstance(self.schedule, Shares):
            first, end = self._phase_steps(self.phase_at(step))
            falls = sum(step - first >= share * (end - first) for share in self.drops)
        return self.lr * 0.1**falls

    def phase_at(self, step: int) -> int:
        """The phase of a step: 0 … `greedy`, all about as long; the last is that of the whole net."""
        phases = (self._phase_steps(phase) for phase in range(self.greedy + 1))
        return next((i for i, (_, end) in enumerate(phases) if step < end), self.greedy)

    def _phase_steps(self, phase: int) -> tuple[int, int]:
        """The first step of a phase, and the first one after it."""
        phases = self.greedy + 1
        return self.steps * phase // phases, self.steps * (phase + 1) // phases


@dataclasses.dataclass(frozen=True)
class Experiment(Spec):
    """Everything that decides the numbers of one training. Equal experiments have equal `key`s."""

    net: Net = setting(Cifar(), help="a name, see `resnet-edu net --help`; or cifar, dense, imagenet")
    data: Data = setting(Digits(), help="digits, cifar10, fashion-mnist or imagefolder")
    recipe: Recipe = Recipe()
    seed: int = setting(0, low=0, high=2**32 - 1, help="of initial weights, data order and augmentation")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recipe.augment and isinstance(self.data, ImageFolder) and isinstance(self.data.view, Jitter):
            raise SpecError("set augment to false: view jitter already augments")
        self._check_phases((self.net.depth - 2) // self.net.unit.depth)

    def _check_phases(self, units: int) -> None:
        """Of the recipe, for a net of so many units."""
        recipe = self.recipe
        if recipe.greedy and not isinstance(self.net, Dense):
            raise SpecError("greedy training takes a dense net, whose units are all of one size")
        if recipe.greedy > units:
            raise SpecError(f"greedy is {recipe.greedy}; {self.label} has {units} units: 0 … {units}")
        if recipe.greedy and (recipe.frozen or isinstance(recipe.schedule, Plateau)):
            raise SpecError(
                "set greedy to 0, or leave out frozen and schedule plateau: they do not go together"
            )
        if recipe.greedy >= recipe.steps:
            raise SpecError(f"steps is {recipe.steps}; {recipe.greedy} greedy phases and the last take more")
        if self.recipe.frozen > units:
            raise SpecError(f"frozen is {self.recipe.frozen}; {self.label} has {units} units: 0 … {units}")

    @property
    def key(self) -> str:
        """Twelve hex digits of the SHA-256 of what changes the mathematics."""
        named = {"schema": SCHEMA, **self.to_dict(named_only=True)}
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """The net's name: 'plain-56', 'resnet-110-B'."""
        return name_of(self.net)

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
        """The inverse of `to_query`; also takes short names (`lr`) and named nets (`net=plain-56`). Raises
        `SpecError`."""
        flat: dict[str, str] = {}
        for name, text in query.items():
            flat |= named_net(text) if name == "net" and "-" in text else {name: text}
        return cls.from_dict(unflatten(flat, cls))


def settings_help() -> dict[str, str]:
    """Dotted name → help text of every setting."""
    return dotted_names(Experiment)
