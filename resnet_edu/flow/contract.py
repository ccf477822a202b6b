"""The JSON that the picture draws: what `flow_data` makes of runs, and what probes must deliver.

Everything is plain JSON. A number that is not finite (a diverged step) is null, and drawn as such.
Step s is the moment after s updates: a gradient of step s is that of the weights that s updates made.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Number = float | None
Rows = list[list[Number]]


class BlockData(TypedDict):
    """A stem, unit or head, in forward order."""

    name: str
    """As in the tables: 'stem', 'stages.0.0', 'head'."""
    kind: Literal["stem", "unit", "head"]
    stage: int | None
    shape: list[int]
    """Of its output for one image: channels, height, width."""
    equation: str
    shortcut: str
    """What the shortcut is, in a few words; empty for a plain unit."""
    layers: list[int]
    """Positions in `NetData.layers` of the layers inside."""


class LayerData(TypedDict):
    """A layer with weights, in forward order."""

    name: str
    text: str
    """Such as '3×3 convolution, 8 → 8'."""
    shape: list[int]
    """Of its output for one image."""


class LayerTable(TypedDict):
    """Rows are recorded steps, columns layers."""

    steps: list[int]
    gradient: Rows
    """L2 norm of the gradient of the loss with respect to the layer's weights."""
    ratio: Rows
    """L2 norm of the step's update, divided by that of the weights."""


class UnitTable(TypedDict):
    """Rows are evaluations, columns units (not the stem, not the head)."""

    steps: list[int]
    gradient: Rows
    """L2 norm of the gradient of the loss with respect to the unit's output."""
    correlation: Rows
    """Cosine between the gradients at nearby inputs, -1 … 1 (Balduzzi 2017)."""


class LossTable(TypedDict):
    steps: list[int]
    loss: list[Number]
    """Nats, of each step's batch."""


class EvalTable(TypedDict):
    """Errors in %."""

    steps: list[int]
    train_error: list[Number]
    test_error: list[Number]


class NetData(TypedDict):
    """One net of the picture, with what was measured on it."""

    run: str
    label: str
    kind: Literal["plain", "residual"]
    depth: int
    status: str
    """The run's state, such as 'done', 'running' or 'diverged'."""
    blocks: list[BlockData]
    layers: list[LayerData]
    layer_table: LayerTable
    unit_table: UnitTable
    loss: LossTable
    evals: EvalTable


class ForwardMoment(TypedDict):
    """One unit in the forward pass: L2 norms over the whole batch."""

    name: str
    x: Number
    """‖x‖, of what the unit is given."""
    branch: Number
    """‖F(x)‖, of what the branch adds; in a plain unit, of the layers that a branch would have."""
    shortcut: Number
    """‖h(x)‖, of what the shortcut brings; null in a plain unit."""
    y: Number
    """‖y‖, of the unit's output."""


class BackwardMoment(TypedDict):
    """One unit in the backward pass: L2 norms of gradients of the batch's mean loss."""

    name: str
    y: Number
    """At the unit's output."""
    plus: Number
    """At the sum h(x) + F(x), before what follows it (a ReLU, or nothing)."""
    shortcut: Number
    """Of the part that reaches x through the shortcut; null in a plain unit."""
    branch: Number
    """Of the part that reaches x through the branch."""
    cosine: Number
    """Between these two parts, -1 … 1; null in a plain unit."""
    x: Number
    """Of their sum: the gradient at the unit's input."""


class WeightMoment(TypedDict):
    """One layer: L2 norms, `update` of what is added to the weights."""

    name: str
    gradient: Number
    weight: Number
    update: Number


class NetUpdate(TypedDict):
    """One update of one net. `forward` and `backward` hold all units, both in forward order."""

    run: str
    loss: Number
    """Nats, of the batch, before the update."""
    loss_after: Number
    """Of the same batch, after the update."""
    forward: list[ForwardMoment]
    backward: list[BackwardMoment]
    weights: list[WeightMoment]


class Update(TypedDict):
    """One update in slow motion, of every net of the picture, in the order of `FlowData.nets`."""

    step: int
    """Updates made before this one."""
    images: int
    """In the batch."""
    lr: float
    replayed: NotRequired[str]
    """Which update this is, in words: without momentum, or as the training made it."""
    split: NotRequired[str]
    """Where the gradient is split, in words."""
    nets: list[NetUpdate]


class Dial(TypedDict):
    """A grid over α of y = f(α·h(x) + F(x)); row i belongs to `alphas[i]`, which rise and hold 1."""

    run: str
    """Of the net in `FlowData.nets` whose shortcuts are dialled."""
    step: int
    """Updates that the net was trained for; 0 is a fresh net."""
    units: list[str]
    """Names of the units that are dialled; empty means all."""
    images: int
    """That `error` and `loss` are of."""
    gradient_images: NotRequired[int]
    """That the gradients are of; missing where they are `images`."""
    alphas: list[float]
    weight_gradient: Rows
    """[alphas, layers], as `LayerTable.gradient`."""
    activation_gradient: Rows
    """[alphas, units], as `UnitTable.gradient`."""
    correlation: Rows
    """[alphas, units], as `UnitTable.correlation`."""
    error: list[Number]
    """In %."""
    loss: list[Number]
    """Nats."""


class FlowData(TypedDict):
    """All of the picture."""

    version: int
    title: str
    steps: int
    """Planned; the axes of steps span 0 … steps from the start."""
    live: bool
    """True while one of the runs may still grow."""
    note: str
    """What was thinned, in a sentence; empty where every recorded row is there."""
    nets: list[NetData]
    updates: NotRequired[list[Update]]
    dials: NotRequired[list[Dial]]
    """Those of all units before those of one."""
    worker: NotRequired[str]
    """'ready' where the host has a worker turn one unit of the dial alone; or why not, in a sentence."""


class FreshProfile(TypedDict):
    """A net before its first step: what the probe of any net at its start delivers."""

    label: str
    kind: Literal["plain", "residual"]
    depth: int
    blocks: list[BlockData]
    layers: list[LayerData]
    weight_gradient: list[Number]
    """By layer."""
    activation_gradient: list[Number]
    """By unit."""
    correlation: list[Number]
    """By unit."""
