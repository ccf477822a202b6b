# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2 · What does the `+ x` change?
#
# In lesson 1 one line of code took degradation away: a unit of two layers adds its input to its output. In
# this lesson you write that line yourself and take it apart. What becomes easy that was hard? What becomes
# of a whole net? What does it cost? At the end you make a good plain net of 56 layers, the very thing
# that training did not find, *without* training.
#
# - **Time:** 60 minutes, of which the machine computes about one.
# - **You need:** lesson 1, and to have written an `nn.Module`.
# - **Afterwards** you can write the unit from memory, make a deeper net that computes the same, and say of
#   which nets "it is a sum of paths" holds.
#
# **How to use it.** As before: run the cells in order, and where it says *Predict*, make a guess first.
# Every number that the cells print is measured or counted here; where a number is the paper's, it
# says so. The trained nets are the recorded ones of lesson 1, so that there is nothing to wait for.

# %%
import copy
import time

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from lesson import say, show
from predict import predict
from torch import nn

from resnet_edu import anatomy, charts, data, nets, references, runs
from resnet_edu.charts import style
from resnet_edu.exercises import check
from resnet_edu.experiment import Cifar, budgets
from resnet_edu.experiment.parts import NoShortcut
from resnet_edu.measure import errors
from resnet_edu.nets import count, surgery, weights
from resnet_edu.nets.basic_block import BasicBlock

torch.set_num_threads(1)  # for nets as small as these, a second thread mostly waits for the first
shelf = runs.recorded()
digits = data.load(budgets.at("minute", "plain-8").data)
images = data.normalise(digits.train_images[:64], digits)


def build(name, seed=0):
    """The net of this name with its starting weights, made for the digits."""
    sizes = {"channels": digits.channels, "side": digits.side, "classes": digits.classes}
    return nets.build(budgets.at("minute", name).net, **sizes, seed=seed)


def trained(name):
    """The same net with the weights that it ended with in the recorded run, in eval mode."""
    net = build(name)
    recorded = shelf.latest(budgets.at("minute", name)).weights()
    weights.fill(net, {tensor: torch.from_numpy(values) for tensor, values in recorded.items()})
    return net.eval()


def size(tensor):
    """How large its numbers are, typically: the root of the mean of their squares."""
    return tensor.square().mean().sqrt().item()


# %% [markdown]
# ## Learn the difference
#
# Take two neighbouring layers of a net. Training should turn them into something useful: into a function
# that makes H(x) out of their input x. Nobody knows H beforehand. A plain net asks the layers for all of
# H(x). He 2015 (§3.1) asks them only for what x still lacks,
#
# > F(x) = H(x) − x, the **residual**, and then adds x: H(x) = F(x) + x.
#
# Say x = (3, 1, 2), and (3, 1, 2.5) is wanted. A plain net's layers must output (3, 1, 2.5), a residual
# net's (0, 0, 0.5). In principle nothing is lost: layers that can come close to any H(x) can come close to
# H(x) − x, too. What changes is what is *easy*.

# %%
guess_residual = predict(
    "Suppose that it is best to leave x = (3, 1, 2) as it is, H(x) = x. What must the layers output?",
    choices=[
        "plain: (3, 1, 2), residual: (3, 1, 2)",
        "plain: (3, 1, 2), residual: (0, 0, 0)",
        "plain: (1, 1, 1), residual: (0, 0, 0)",
    ],
)

# %% tags=["answer"]
wanted = x = torch.tensor([3, 1, 2])
lacking = (wanted - x).tolist()
guess_residual.compare(f"plain: {tuple(wanted.tolist())}, residual: {tuple(lacking)}", how="By arithmetic")

# %% [markdown]
# In the paper's letters (§3.2, eq. 1) the unit is y = F(x, {Wᵢ}) + x, where {Wᵢ} are the weights of its
# layers, and a ReLU follows the addition.
#
# > **Exercise 1 · The residual unit** &nbsp; difficulty ●●○ · importance ●●● · 10 minutes
#
# Write it. F is a convolution, a norm (batch normalisation), a ReLU, and again a convolution and a norm.
# Kernels are 3×3, without bias, and the picture keeps its size. Names of layers are up to you.
#
# <details><summary>Hint 1</summary>
# Make the four layers in <code>__init__</code>; <code>padding=1</code> keeps the size.
# </details>
# <details><summary>Hint 2</summary>
# <code>forward</code> is one line: what comes first, the last ReLU or the addition?
# </details>
# <details><summary>Help by symptom</summary>
# <ul><li><i>cannot assign module before Module.__init__</i>: <code>super().__init__()</code> is missing.</li>
# <li><i>must match the size of tensor</i>: a convolution without padding makes the picture smaller.</li></ul>
# </details>


# %%
class MyUnit(nn.Module):
    def __init__(self, channels):
        super().__init__()
        # your layers

    def forward(self, x):
        return ...


check.residual_unit(MyUnit)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# class MyUnit(nn.Module):
#     def __init__(self, channels):
#         super().__init__()
#         self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
#         self.norm1 = nn.BatchNorm2d(channels)
#         self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
#         self.norm2 = nn.BatchNorm2d(channels)
#
#     def F(self, x):
#         return self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
#
#     def forward(self, x):
#         return torch.relu(self.F(x) + x)
# ```
# </details>
#
# Is that all? The same unit is in `resnet_edu/nets/basic_block.py`, written out in plain PyTorch. The general
# unit that this package trains must give the same answers as that one: the same output, the same
# gradients, and the same averages kept by its norms, in training mode and in eval mode. Put the trained
# weights of one into the other, and ask both.

# %%
core = trained("resnet-8").stages[0][0]
by_hand = BasicBlock(channels=8)
by_hand.load_state_dict({name.removeprefix("branch."): value for name, value in core.state_dict().items()})


def answers(unit, x):
    """All that a unit has to say to x: output, gradients with respect to x and each weight, averages."""
    x = x.clone().requires_grad_()
    y = unit(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *unit.parameters()]), *unit.buffers()]


equal = []
for training in (False, True):
    core.train(training)
    by_hand.train(training)
    for x in (torch.rand(64, 8, 8, 8), torch.randn(7, 8, 5, 5), 100 * torch.rand(2, 8, 3, 4)):
        pairs = zip(answers(by_hand, x), answers(core, x), strict=True)
        equal += [torch.equal(mine, theirs) for mine, theirs in pairs]
assert all(equal)
say(f"Of {len(equal)} answers, {sum(equal)} are equal to the last bit.")

# %% [markdown]
# ## Zero is a good place to start from
#
# If H(x) = x, then F(x) = 0. That is quickly had: set every weight inside F to 0.
#

# %%
guess_zero = predict(
    "Every weight in F is 0, and the input x ≥ 0. What comes out?",
    choices=["residual: x, plain: 0", "residual: 0, plain: 0", "residual: x, plain: x"],
)

# %% tags=["answer"]
twins = {"plain": build("plain-8").stages[0][0], "residual": build("resnet-8").stages[0][0]}
# what the first unit of the net gets
x = build("resnet-8").forward_intermediates(images).intermediates["stem"].detach()
for unit in twins.values():
    for weight in unit.branch.parameters():
        nn.init.zeros_(weight)
    assert torch.equal(unit(x), x) == (unit.shortcut is not None)
guess_zero.compare("residual: x, plain: 0")
outputs = {"input": x, **{name: unit(x) for name, unit in twins.items()}}
display(
    pd.DataFrame({name: {"size": size(y), "largest number": y.max().item()} for name, y in outputs.items()})
)

# %% [markdown]
# The residual unit hands on its input, exactly. (The last ReLU would cut off what is below zero. But x comes
# out of a ReLU itself, so nothing is.) The plain unit has forgotten everything.
#
# That is one point. What lies around it? F ends in a norm, which multiplies by weights of its own. Turn
# these weights down, from where they start to 0, in eight nets with different starting weights.
#

# %%
factors, seeds = np.linspace(1, 0, 21), range(8)


@torch.no_grad()
def distances(name, seed, turn_down="norm2"):
    """How far the unit's output is from its input, in % of the input, for every factor on those weights."""
    net = build(name, seed)
    x, unit, found = net.stem(images), net.stages[0][0], []
    for factor in factors:
        turned = copy.deepcopy(unit)
        turned.branch.get_submodule(turn_down).weight.mul_(factor)
        found.append(100 * size(turned(x) - x) / size(x))
    return found


guess_distance = predict(
    "Draw how far the output is from the input, in % of the input, as the weights go from 1 to 0.",
    between=(0, 200), unit="%", x=list(factors), curves=["plain", "residual"],
    titles=("factor on the last weights of F", "output away from input, in %"),
)  # fmt: skip

# %% tags=["answer"]
away = {net: np.array([distances(name, seed) for seed in seeds])
        for net, name in (("plain", "plain-8"), ("residual", "resnet-8"))}  # fmt: skip
guess_distance.compare({net: seen.mean(axis=0) for net, seen in away.items()})
spread = {net: seen.std(axis=0).max() for net, seen in away.items()}
say(f"Between the eight, the standard deviation is at most {max(spread.values()):.0f} percentage points.")

# %% [markdown]
# The lines are means of the eight. Weights begin on the left, at 1. A residual unit gets as near to
# "change nothing" as you like, simply by smaller weights. They bring the plain unit hardly nearer, and at 0
# it is 100 % away. It can copy too (you built that copier in lesson 1), but only with particular weights,
# somewhere else.
#
# This is the paper's argument (§3.1): if changing nothing is about right, it is easier to push F towards
# zero than to build a copy out of layers. That it is easier for *training* is a guess, until one trains.
#
# ## A net is a sum
#
# Put units one behind the other. Each adds its own part to what it gets:
#
# > x₁ = x₀ + F₁(x₀), and x₂ = x₁ + F₂(x₁) = x₀ + F₁(x₀) + F₂(x₁), and so on.
#
# What leaves the last unit is what came in, plus what each unit added. That is how you find it in many
# texts. You have a trained net of 20 layers: 9 units. Measure it.
#

# %%
guess_sum = predict(
    "How far is that sum from what really leaves the last unit?",
    between=(0, 200), unit="%", titles=("distance of the sum, in % of the output", ""),
)  # fmt: skip


# %% tags=["answer"]
@torch.no_grad()
def unroll(units, x):
    """What leaves the last unit; x₀ plus all that was added; what the ReLUs changed; and a row per unit."""
    added, changed, rows = x, torch.zeros_like(x), []
    for unit in units:
        carried, F, y = unit.shortcut(x), unit.branch(x), unit(x)
        cut = y - (carried + F)
        # The shortcut hands on; where the picture shrinks, it skips pixels and adds channels of zeros.
        added, changed = unit.shortcut(added) + F, unit.shortcut(changed) + cut
        rows.append({"x": size(carried), "F(x)": size(F), "ReLU": size(cut)})
        x = y
    return x, added, changed, pd.DataFrame(rows)


def off(total, truth):
    """How far a sum is from the truth, in % of the truth."""
    return 100 * size(total - truth) / size(truth)


net = trained("resnet-20")
names, units = zip(*net.units(), strict=True)
x0 = net.stem(images).detach()
last, added, changed, _ = unroll(units, x0)
sum_off = off(added, last)
guess_sum.compare(sum_off)
say(f"Input plus everything that {len(units)} units added is off by **{sum_off:.0f} %**.")

# %% [markdown]
# Not even near. What did the formula leave out? The ReLU *after* each addition: it turns every negative sum
# into 0, nine times on the way. In truth y = ReLU(F(x) + x), and the ReLU makes a contribution of its own.
# Count that too, and the books must balance:

# %%
balanced = off(added + changed, last)
assert balanced < 1e-3
say(f"With what the ReLUs changed, the sum is off by {balanced:.1g} %: rounding.")

# %% [markdown]
# The sum becomes exact if nothing follows the addition. That is what He and others did a year later
# ([2016](https://arxiv.org/abs/1603.05027), eq. 4): they moved norm and ReLU to the *front* of F
# ("pre-activation"). You can also take a trained net and simply remove its ReLUs; it then computes something
# else, but it is a sum.
#

# %%
guess_trained = predict(
    "For the sum to be exact without these ReLUs, must the net be trained?", choices=["yes", "no"]
)

# %% tags=["answer"]
straight = surgery.linearise(net, *names).double()  # all ReLUs of these units are gone
preactivated = build("resnet-56-pre").eval()  # as it starts; one stage, where sizes stay
without_relu = {
    "resnet-20, ReLUs removed": unroll([unit for _, unit in straight.units()], x0.double()),
    "resnet-56-pre, first stage": unroll(preactivated.stages[0], preactivated.stem(images).detach()),
}
guess_trained.compare("no")
for name, (last, added, _, rows) in without_relu.items():
    assert off(added, last) < 1e-3
    say(f"- {name}: {len(rows)} units, the sum is off by {off(added, last):.1g} %")

# %% [markdown]
# So remember *which* net a formula is about.
#
# How much does each unit add? Look into the trained net of 56 layers.
#

# %%
guess_share = predict(
    "What a unit adds, beside what passes on the shortcut, is",
    choices=["smaller, the more units there are", "small, in any net", "about as large", "larger"],
)


# %% tags=["answer"]
def added_by_units(net):
    """A row for each unit, over 64 training images: sizes of x, of F(x), and of what the ReLU changes."""
    return unroll([unit for _, unit in net.units()], net.stem(images).detach())[3]


deep = added_by_units(trained("resnet-56"))
figure = style.figure("light", height=420)
figure.update_xaxes(title_text="unit (1 is nearest the input)", tickvals=[1, 10, 19, 27])
figure.update_yaxes(title_text="size of its numbers", rangemode="tozero")
looks = {
    "x": ("what passes by, x", {"color": style.ink("light"), "width": 2, "dash": "dot"}),
    "F(x)": ("what the unit adds, F(x)", {"color": style.RESIDUAL, "width": 3}),
    "ReLU": ("what its ReLU changes", {"color": style.RESIDUAL, "width": 1.5, "dash": "dash"}),
}
for part, (text, line) in looks.items():
    figure.add_scatter(x=deep.index + 1, y=deep[part], name=text, mode="lines", line=line)
figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
show(
    figure,
    "sizes of x, of F(x) and of what the ReLU changes, for each of the 27 units of a trained resnet-56",
)

# %% [markdown]
# The line of x falls where the picture shrinks, for there the shortcut adds channels that are still empty.
# Now the share F(x) : x, in the middle unit when they are put in order, for nets of three depths. Is it
# training that makes it so? Beside it stands the share with random starting weights.


# %% tags=["answer"]
def share(net):
    sizes = added_by_units(net)
    return (sizes["F(x)"] / sizes["x"]).median()


shares = pd.DataFrame({
    name: {"units": len(trained(name).units()), "F(x) : x, at the start": share(build(name)),
           "F(x) : x, trained": share(trained(name))}
    for name in ("resnet-8", "resnet-20", "resnet-56")
}).T  # fmt: skip
by_depth = shares["F(x) : x, trained"]
assert by_depth.is_monotonic_decreasing
guess_share.compare("smaller, the more units there are")
display(shares.astype({"units": int}).round(2))

# %% [markdown]
# The more units there are, the smaller the share that each adds: a deep residual net works in small steps.
# But it does so *before* it has learnt anything. Each F ends in a norm, so each unit adds numbers of about
# the same size, while x grows with every addition. The paper, too, finds that in deeper nets "an individual
# layer of ResNets tends to modify the signal less" (§4.2, Fig. 7, trained nets on CIFAR-10). Whether that is
# learnt, one sees only beside the start.
#
# ## A sum of how many paths?
#
# Write a unit without ReLUs as (1 + F): 1 for the shortcut, which changes nothing, F for the branch. Two of
# them, one after the other, are a product: (1 + F₂)(1 + F₁) = 1 + F₁ + F₂ + F₂F₁. Four ways lead through
# two units, for at each one you may take the shortcut or the branch.
#
# How many ways lead through 9 units, and how many of them through exactly 2 branches? (Pascal's triangle
# knows.)

# %%
guess_paths = predict(
    "How many ways lead through 9 units?", between=(1, 10_000), log_y=True, titles=("paths", "")
)

# %% [markdown]
# Each turn of the loop below doubles the list: every path goes on along the shortcut, and along the branch.
# (A branch without ReLUs computes "something times x, plus a constant". The constant is the same for all
# images, and is left out.)


# %% tags=["answer"]
def without_constant(function, x):
    return function(x) - function(torch.zeros_like(x))


@torch.no_grad()
def all_paths(units, x):
    """What each way through the units makes of x, and through how many branches it leads."""
    paths = [(0, x)]
    for unit in units:
        along_shortcut = [(branches, unit.shortcut(z)) for branches, z in paths]
        along_branch = [(branches + 1, without_constant(unit.branch, z)) for branches, z in paths]
        paths = along_shortcut + along_branch
    return paths


def paths_off(net, x):
    """How far the sum of all paths is from what the units make of x."""
    paths = all_paths([unit for _, unit in net.units()], x)
    with torch.no_grad():
        truth = without_constant(net.stages, x)
    return paths, off(sum(z for _, z in paths), truth)


paths, straight_off = paths_off(straight, x0.double())
_, crooked_off = paths_off(net.double(), x0.double())
assert len(paths) == 2 ** len(units)
assert straight_off < 1e-8
guess_paths.compare(len(paths), how="Counted")
lengths = pd.Series([branches for branches, _ in paths]).value_counts().sort_index()
display(lengths.rename_axis("branches on the way").to_frame("paths").T)
say(
    f"{len(paths)} paths. Without ReLUs, their sum is off by {straight_off:.1g} % from what the units "
    f"compute. With all ReLUs left in, by **{crooked_off:.0f} %**."
)

# %% [markdown]
# So "a residual net is a sum of 2ⁿ paths" is exact where nothing bends: ReLU(a + b) is not ReLU(a) + ReLU(b).
# For real nets it is a picture, a fruitful one (Veit and others,
# [2016](https://arxiv.org/abs/1605.06431)), and how far it carries must be measured.
#
# ## What does it cost?
#
# Count, for nets of CIFAR-10's size: the numbers that are learnt, and the multiplications with the addition
# that follows each, for one image.
#

# %%
guess_cost = predict(
    "Which of the two differ between a plain net and its residual twin?",
    choices=["the parameters", "the multiply-adds", "both", "neither"],
)


# %% tags=["answer"]
def costs(depth):
    counted = {}
    for kind, spec in (
        ("plain", Cifar(depth=depth, shortcut=NoShortcut())),
        ("residual", Cifar(depth=depth)),
    ):
        with torch.device("meta"):  # shapes without numbers: enough for counting
            net = nets.assemble(spec, channels=3, side=32, classes=10)
        counted[f"parameters, {kind}"] = count.parameters(net)
        counted[f"multiply-adds, {kind}"] = count.macs(net, (3, 32, 32))
    parts = anatomy.parts(Cifar(depth=depth))
    counted["additions, residual"] = sum(np.prod(part.shape) for part in parts if part.shortcut)
    return counted


counted = pd.DataFrame({depth: costs(depth) for depth in (20, 56, 110)})
for what in ("parameters", "multiply-adds"):
    assert (counted.loc[f"{what}, plain"] == counted.loc[f"{what}, residual"]).all()
guess_cost.compare("neither", how="Counted")
display(counted.rename_axis(columns="layers").map("{:,}".format))
extra = (counted.loc["additions, residual"] / counted.loc["multiply-adds, residual"]).max()
say(
    f"The only extra work is the addition itself, at most {extra:.2%} on top. (The paper, Table 6, gives "
    f"`resnet-110` {references.reported('resnet-110').parameters} parameters.)"
)

# %% [markdown]
# No weights, no multiplications; the paper calls the additions "negligible" (§3.2). But a computer also
# moves numbers about, and x must be kept until it is added. So take the time, too: one after the other, many
# times, both nets of 56 layers on your machine.

# %%
recipe = budgets.at("minute", "plain-56").recipe


def train_on(net, lr, steps, seed=0):
    """The loss at each of so many training steps, by the recipe of lesson 1 but for the learning rate."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr, recipe.momentum, weight_decay=recipe.weight_decay)
    losses = []
    for step in range(steps):
        chosen = data.batch_indices(step, recipe.batch, len(digits.train_labels), seed)
        logits = net(data.normalise(digits.train_images[chosen], digits))
        loss = nn.functional.cross_entropy(logits, digits.train_labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def seconds(net):
    """For two training steps."""
    started = time.perf_counter()
    train_on(net, lr=0.01, steps=2)
    return time.perf_counter() - started


pair = build("plain-56"), build("resnet-56")
rounds = [[seconds(net) for net in pair] for _ in range(13)][1:]  # the first is to warm up
ratios = [residual / plain for plain, residual in rounds]
low, middle, high = np.percentile(ratios, [25, 50, 75])
say(
    f"On this machine, just now, a training step of `resnet-56` took **{middle:.2f} times** as long as one "
    f"of `plain-56` (median of {len(ratios)} comparisons; the middle half of them lies between {low:.2f} and "
    f"{high:.2f})."
)

# %% [markdown]
# Run the cell again. The spread tells you how much of such a number to believe.
#
# No weights also where the picture shrinks? There x has too few channels and too many pixels. The paper's
# option A (§3.3) picks every second pixel and fills up with channels of zeros.
#
# > **Exercise 2 · Option A** &nbsp; difficulty ●●○ · importance ●●○ · 8 minutes
#
# <details><summary>Hint 1</summary>
# <code>x[:, :, ::2]</code> takes every second row.
# </details>
# <details><summary>Hint 2</summary>
# <code>nn.functional.pad(x, …)</code> counts from the last dimension, two numbers for each: (left, right,
# top, bottom, before the first channel, behind the last).
# </details>


# %%
def option_a(x, channels):
    """[N, C, H, W] → [N, channels, ⌈H / 2⌉, ⌈W / 2⌉]"""
    return ...


check.option_a(option_a)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def option_a(x, channels):
#     return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, channels - x.shape[1]))
# ```
# </details>
#
# ## The good deep plain net exists
#
# Lesson 1 began with an argument: take a shallow net that works, add layers that copy, and the deeper net is
# just as good. Now do it. Take the trained `plain-8`, and put copying units into it until it has 56 layers.
# `surgery.deepen` does that, with the weights of the copier that you built in lesson 1.
#

# %%
guess_made = predict(
    "The plain-56 made out of plain-8 has a training loss",
    choices=[
        "like plain-8, to rounding",
        "between plain-8 and a trained plain-56",
        "like a trained plain-56",
    ],
)


# %% tags=["answer"]
def on_training_images(net, **how):
    """Loss (nats) and error (%) over all training images, in eval mode if nothing else is said."""
    found = errors(net, digits, digits.train_images, digits.train_labels, batch=500, **how)
    return {"training loss": found.loss, "training error (%)": found.error}


shallow = trained("plain-8")
made = surgery.deepen(shallow, 56)
ended = [shelf.latest(budgets.at("minute", "plain-56", seed)).evals().iloc[-1] for seed in range(3)]
scratch = pd.DataFrame(ended)[["train_loss", "train_error"]]
before, after = on_training_images(shallow), on_training_images(made)
assert abs(after["training loss"] - before["training loss"]) < 1e-5 * before["training loss"]
assert after["training error (%)"] == before["training error (%)"]
guess_made.compare("like plain-8, to rounding")
rows = {
    "plain-8, trained": [f"{value:.6f}" for value in before.values()],
    "plain-56, made out of it": [f"{value:.6f}" for value in after.values()],
    f"plain-56, trained, {len(scratch)} seeds": [
        f"{scratch[column].mean():.2f} ± {scratch[column].std():.2f}" for column in scratch
    ],
}
display(pd.DataFrame.from_dict(rows, orient="index", columns=list(before)))

# %% [markdown]
# There it is: a plain net of 56 layers with the loss of the shallow one, to the last digits. It can be built
# in an instant, and training from random weights ended far from anything as good. This is how He 2015 (§1)
# put it: there is a solution "by construction", but the solvers of the day were "unable to find solutions
# that are comparably good or better" (or not in feasible time). On these digits you have now seen both
# halves.
#
# ## Now look for the catch
#
# You measured in eval mode, where the norms use averages that they have stored. In training mode a norm
# subtracts the mean of the batch at hand and divides by the batch's standard deviation.
#

# %%
guess_mode = predict("Does the net that you made copy in training mode, too?", choices=["yes", "no"])

# %% tags=["answer"]
modes = {"eval mode": False, "training mode": True}
rows = {mode: on_training_images(made, batch_statistics=training) for mode, training in modes.items()}
not_in_training = rows["training mode"]
guess_mode.compare("no" if not_in_training["training loss"] > 2 * before["training loss"] else "yes")
display(pd.DataFrame.from_dict(rows, orient="index").round(4))

# %% [markdown]
# It does not. The copiers' norms were told "mean 0, deviation 1", and each batch contradicts them. So for
# training, this net was never a good place. The argument has a gap, and one can nearly close it: let every
# copying norm, after it has subtracted a mean and divided by a deviation, multiply by that same deviation and
# add that same mean again.


# %%
@torch.no_grad()
def copy_in_both_modes(net, copiers):
    """Fit the copiers' norms to what they receive, so that they undo what they do."""
    x = net.stem(data.normalise(digits.train_images, digits))
    for name, unit in net.units():
        if name in copiers:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            for norm in (unit.branch.norm1, unit.branch.norm2):
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)
                norm.bias.copy_(mean)
                norm.weight.copy_((variance + norm.eps).sqrt())
        x = unit(x)


copiers = dict(made.units()).keys() - dict(shallow.units()).keys()
made.eval()
copy_in_both_modes(made, copiers)
again = {mode: on_training_images(made, batch_statistics=training) for mode, training in modes.items()}
assert abs(again["eval mode"]["training loss"] - before["training loss"]) < 1e-4 * before["training loss"]
display(pd.DataFrame.from_dict(again, orient="index").round(4))

# %% [markdown]
# Now it copies to rounding in eval mode, and nearly in training mode (nearly, for no two batches have quite
# the same mean). Suppose that training had come here. Would it stay?
#
# Train on from this net with lesson 1's learning rate, 0.1. Beside it, as a check, `plain-8` itself; and a
# `resnet-56` made out of `resnet-8` by units whose F is 0. Three times each, the images in another order.
#

# %%
guess_stays = predict(
    "Trained on at learning rate 0.1, which of them leave the good place?",
    choices=["none", "plain-56 alone", "both nets of 56 layers", "all three"],
)

# %% tags=["answer"]
grown = {"plain-8": shallow, "plain-56": made, "resnet-56": surgery.deepen(trained("resnet-8"), 56)}


def train_copies(name, lr, orders=range(3), steps=30):
    """Losses of copies of this net that are trained on, each with the images in another order."""
    net = budgets.at("minute", name).net
    what = {
        "trained on": f"{name}, lr {lr:g}",
        "net": style.net_of(name),
        "depth": net.depth,
        "step": range(steps),
    }
    tables = []
    for order in orders:
        losses = train_on(copy.deepcopy(grown[name]), lr, steps, seed=order)
        tables.append(pd.DataFrame(what | {"seed": order, "loss": losses}))
    return pd.concat(tables)


curves = pd.concat([train_copies(name, recipe.lr) for name in grown])
show(
    charts.loss_curves(curves, log_y=True),
    "training loss of plain-8, the made plain-56 and the made resnet-56, trained on at learning rate 0.1",
)
at_the_end = curves[curves["step"] >= 20].groupby("trained on")["loss"].mean()
left = [name for name in grown if at_the_end[f"{name}, lr {recipe.lr:g}"] > 1]
guess_stays.compare("plain-56 alone" if left == ["plain-56"] else " and ".join(left) or "none")

# %% [markdown]
# And with a hundredth of that learning rate, with which lesson 1's trainings ended?

# %%
curves = pd.concat([curves, train_copies("plain-56", recipe.lr / 100)])
late = curves[curves["step"] >= 20].groupby(["trained on", "seed"])["loss"].mean().unstack()
spread = [f"{mean:.4f} ± {sd:.4f}" for mean, sd in zip(late.mean(axis=1), late.std(axis=1), strict=True)]
display(pd.DataFrame({"loss over the last ten steps, mean ± sd of three": spread}, index=late.index))

# %% [markdown]
# The deep plain net leaves the good place within a few steps, at the learning rate at which its shallow
# origin and the residual net stay. With small steps it stays too. So the good weights are there, and they
# are no help to a training with steps of the usual length. And small steps from *random* weights? That was
# experiment 2 of lesson 1.
#
# > **Exercise 3 · Silence a unit** &nbsp; difficulty ●●○ · importance ●●● · 8 minutes
#
# The `resnet-56` above was made by units that hand on x. Make one: change the weights of a residual unit
# (`conv1`, `norm1`, `conv2`, `norm2`) so that it hands on every x ≥ 0, in training mode too. But it must
# still be able to learn.
#
# <details><summary>Hint 1</summary>
# F must be 0. Which layer has the last word on what F gives?
# </details>
# <details><summary>Hint 2</summary>
# If everything is 0, no weight gets a gradient. Leave as much as you can as it is.
# </details>
# <details><summary>Help by symptom</summary>
# <i>a leaf Variable that requires grad …</i>: weights are changed inside <code>with torch.no_grad():</code>
# </details>


# %%
def silence(unit):
    """Changes the unit, in place."""
    return ...


check.silence(silence)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def silence(unit):
#     nn.init.zeros_(unit.norm2.weight)
#     nn.init.zeros_(unit.norm2.bias)
# ```
# </details>
#
# > **Exercise 4 · A deeper net that computes the same** &nbsp; difficulty ●●○ · importance ●●○ · 8 minutes
#
# `net` is an `nn.Sequential` of residual units, and `new()` makes a fresh unit with random weights. Give a
# net with two more units that computes the same. Leave `net` as it is.
#
# <details><summary>Hint</summary>
# <code>nn.Sequential(*net, …)</code> makes a new sequence of the old units and of others.
# </details>


# %%
def deepen(net, new):
    """A deeper net, the same function."""
    return ...


check.deepen(deepen)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def deepen(net, new):
#     more = [new(), new()]
#     for unit in more:
#         nn.init.zeros_(unit.norm2.weight)
#         nn.init.zeros_(unit.norm2.bias)
#     return nn.Sequential(*net, *more)
# ```
# </details>
#
# ## What this does not show
#
# - **That no training finds it.** It shows what this one does: SGD, batch norm, 240 steps from scratch or
#   30 from the made net, on small digits.
# - **Why the plain net leaves.** A narrow valley, or gradients that mean little (lesson 1)? Not asked yet.
# - **A fair race.** The plain net was made with copiers, the residual one with zeros, out of different nets.
#   So they differ in more than the shortcut. The twins of lesson 1 do not.
# - **That the sum explains why residual nets train.** It says what they compute.
#
# ## Experiments
#
# **1. Turn down other weights.** The chart of distances turned down the weights of the last norm. Turn down
# those of the last convolution instead: `turn_down="conv2"`. Predict the curve of the residual unit.
#
# <details><summary>Answer</summary>
# Nothing happens until the factor is very nearly 0. In training mode the norm behind the convolution divides
# by the deviation of what it gets, so a factor on the kernels cancels out. At exactly 0 there is nothing left
# to divide, and F is 0. Weights before a norm have a direction, but no size.
# </details>

# %%
turned_down = []  # for example: distances("resnet-8", seed=0, turn_down="conv2")
for factor, found in zip(factors, turned_down, strict=False):
    print(f"factor {factor:.2f}: {found:5.1f} % away")

# %% [markdown]
# **2. Where is the edge?** The made `plain-56` leaves at 0.1 and stays at 0.001. Between the two there is a
# learning rate at which it just stays. Is it a sharp edge? And does it move when there are fewer copiers
# (`surgery.deepen(shallow, 20)`)?
#
# <details><summary>Hint</summary>
# Halve in powers of ten: 0.01 first, then 0.03 or 0.003. Give it more than 30 steps before you say that it
# stays. For fewer copiers: make the net, fit its norms by <code>copy_in_both_modes</code>, add it to
# <code>grown</code> under the name <code>plain-20</code>.
# </details>

# %%
rates = []  # for example: [0.03, 0.01, 0.003]
for rate in rates:
    found = train_copies("plain-56", rate, orders=[0], steps=60)
    say(f"- lr {rate:g}: loss over the last ten steps {found['loss'].tail(10).mean():.3g}")

# %% [markdown]
# **3. When can layers not copy?** Try `surgery.deepen` on a pre-activation plain net, whose units are
# norm, ReLU, convolution, twice, with nothing after. Before you run it: why can such a unit not copy?
#
# <details><summary>Answer</summary>
# Its first ReLU sets all that is below zero to 0, and in these nets what comes in may be below zero. What is
# lost there, no later layer brings back. With a shortcut it takes nothing at all: F = 0.
# </details>

# %%
attempt = None  # for example: "plain-8-pre", then "resnet-8-pre"
if attempt:
    try:
        surgery.deepen(build(attempt), 14)
        say(f"`{attempt}` can be deepened.")
    except surgery.SurgeryError as error:
        say(f"`{attempt}`: {error}.")

# %% [markdown]
# ## Do you remember?
#
# 1. What does F have to be, if H(x) = x is best?
# 2. Of which nets is "output = input plus what each unit adds" exact?
# 3. How many paths lead through n units, and in which nets is the output their sum?
# 4. What does an identity shortcut cost in weights?
# 5. Why must not *all* weights of a unit be 0?
#
# <details><summary>Answers</summary>
# <ol><li>Zero.</li>
# <li>Of those in which nothing follows the addition; else the ReLU's part is missing.</li>
# <li>2ⁿ; in nets without ReLUs in their units.</li>
# <li>None.</li>
# <li>No weight would get a gradient, so it could not learn.</li></ol>
# </details>
#
# **Where next?** [Lesson 3](03_gradient_flow.ipynb) follows the gradient. `resnet-edu net resnet-56` prints
# any net's layers, costs and equation in a terminal. The units with all their variants are in
# `resnet_edu/nets/units.py`, and the surgery in `resnet_edu/nets/surgery.py`.
