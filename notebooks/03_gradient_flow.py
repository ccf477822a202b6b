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
# # 3 · Where does the gradient go?
#
# "Deep plain nets fail because the gradient vanishes, and the shortcut's *+1 in the derivative* saves it."
# You find this sentence everywhere. In this lesson you look. You take gradients out of a net by hand,
# let the recorder do it for all layers, change shortcut, norm and initial weights one by one, turn a
# shortcut down like a dial, and hold the popular formula against what is measured.
#
# - **Time:** 45 minutes, of which the machine computes less than one.
# - **You need:** lesson 1, and `loss.backward()` in PyTorch. Lesson 2 helps.
# - **Afterwards** you can put a hook on a layer and take it off again, tell a gradient's length from its
#   use, and say which of shortcut, norm and initial weights does what.
#
# **How to use it.** Run the cells in order. Where it says *Predict*, choose, slide or draw, and then run
# the next cell. Where it says *Exercise*, fill in the gap; the check tells you what is the matter. Every
# number that the cells print is measured here or comes from a recorded run; what a formula gives is called
# so.

# %%
import dataclasses
import itertools

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import display
from lesson import say, show, show_widget
from predict import predict

from resnet_edu import charts, data, flow, measure, nets, runs
from resnet_edu.charts import style
from resnet_edu.exercises import check
from resnet_edu.experiment import budgets
from resnet_edu.experiment.parts import BatchNorm, NoNorm
from resnet_edu.probes.fresh_profile import fresh_profile
from resnet_edu.probes.skip_dial import skip_dial

torch.set_num_threads(1)  # for nets as small as these, a second thread mostly waits for the first
digits = data.load(budgets.at("minute", "plain-8").data)
images, labels = data.normalise(digits.train_images[:64], digits), digits.train_labels[:64]


def build(spec, seed=0):
    """A net, by name or by its description, with its starting weights, made for the digits."""
    spec = budgets.at("minute", spec).net if isinstance(spec, str) else spec
    return nets.build(spec, channels=digits.channels, side=digits.side, classes=digits.classes, seed=seed)


# %% [markdown]
# ## A gradient by hand
#
# After `loss.backward()`, each weight has its gradient in `.grad`: a number for each of its numbers, which
# says how fast the loss grows with it. The *length* of a gradient $g$ is the root of the sum of squares,
#
# $$\lVert g \rVert = \sqrt{\textstyle\sum_i g_i^2}.$$
#
# > **Exercise 1 · A length for each layer** &nbsp; difficulty ●○○ · importance ●●● · 8 minutes
#
# Write a function that gives {name of the layer: length of its weight's gradient} for the mean cross-entropy
# of a batch. A layer is a module with a `weight`; names are those of `net.named_modules()`.
#
# <details><summary>Hint 1</summary> Three steps: forget old gradients, go forward and back, then read
# <code>weight.grad</code> of each layer.
# </details>
# <details><summary>Hint 2</summary>
# <code>hasattr(module, "weight")</code> finds the layers, <code>gradient.norm()</code> is the length.
# </details>
# <details><summary>Help by symptom</summary>
# <ul><li><i>AttributeError: 'NoneType' object has no attribute 'norm'</i>: no <code>backward()</code>
# before, or the layer took no part.</li>
# <li><i>The numbers grow at each call</i>: PyTorch adds to <code>.grad</code>.</li></ul>
# </details>


# %%
def gradient_norms(net, images, labels):
    """{layer: length of the gradient of its weight}"""
    return ...


check.gradient_norms(gradient_norms)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def gradient_norms(net, images, labels):
#     net.zero_grad()
#     F.cross_entropy(net(images), labels).backward()
#     layers = {name: module for name, module in net.named_modules() if hasattr(module, "weight")}
#     return {name: module.weight.grad.norm() for name, module in layers.items()}
# ```
# </details>
#
# ## A gradient between two layers: hooks
#
# Weights keep their gradients, but what flows *between* layers is thrown away. A **hook** is a function that
# PyTorch calls when data passes. Here is one on the way forward: it keeps the shape of what a unit gives.

# %%
net, shapes = build("resnet-8"), {}


def keep_shape(module, inputs, output):
    shapes["stages.1.0"] = tuple(
        output.shape
    )  # a hook returns nothing: what it returned would replace the output


handle = net.get_submodule("stages.1.0").register_forward_hook(keep_shape)
net(images)
handle.remove()  # or it is called at every later step
say(f"`stages.1.0` gives {shapes['stages.1.0']}: images, channels, height, width.")

# %% [markdown]
# > **Exercise 2 · The gradient at a layer's output** &nbsp; difficulty ●●○ · importance ●●● · 10 minutes
#
# Use a hook to find the length of the gradient at the *output* of one module. Take the hook off again.
#
# <details><summary>Hint 1</summary>
# <code>register_full_backward_hook</code> takes a function of <code>(module, grad_input,
# grad_output)</code>; both gradients are tuples.
# </details>
# <details><summary>Hint 2</summary> The hook cannot return the gradient to you. Let it put it into a list.
# </details>
# <details><summary>Help by symptom</summary>
# <ul><li><i>The list is empty</i>: the hook was put on after the forward pass, or <code>backward()</code>
# is missing.</li>
# <li><i>TypeError about a tuple in conv2d</i>: a forward hook returned something.</li></ul>
# </details>


# %%
def output_gradient(net, layer, images, labels):
    """The length of the gradient at the output of the module called `layer`."""
    return ...


check.output_gradient(output_gradient)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def output_gradient(net, layer, images, labels):
#     found = []
#     module = net.get_submodule(layer)
#
#     def keep(module, at_input, at_output):
#         found.append(at_output[0])
#
#     handle = module.register_full_backward_hook(keep)
#     F.cross_entropy(net(images), labels).backward()
#     handle.remove()
#     return found[0].norm()
# ```
# </details>
#
# ## The recorder
#
# That, for every layer and unit at once, is what this package records while it trains.
# `measure.gradient_profile` does it for one moment. Is it the same number? A hook on the first unit of
# `plain-56` must agree:

# %%
net = build("plain-56").train()
found = []
hook = net.get_submodule("stages.0.0").register_full_backward_hook(
    lambda m, i, output: found.append(output[0].norm())
)
F.cross_entropy(net(images), labels).backward()
hook.remove()
profile = measure.gradient_profile(net, images, labels, torch.Generator().manual_seed(0))
assert np.isclose(found[0].item(), profile.activation[0], rtol=1e-4)
say(f"By hand: {found[0].item():.6g}. By the recorder: {profile.activation[0]:.6g}.")

# %% [markdown]
# ## From the loss back to the image
#
# Now all 27 units of the twins, before the first step of training. The loss is on the right, behind unit 27;
# the gradient comes from there and travels to the left.

# %%
unit_numbers = list(range(1, 28))
guess_norms = predict(
    "Draw the length of the gradient at each unit's output, before training. Where is it longest?",
    between=(0.001, 10_000), log_y=True, x=unit_numbers, curves=["plain-56", "resnet-56"],
    titles=("unit (1 is nearest the input)", "length of the gradient"),
)  # fmt: skip

# %% tags=["answer"]
twins = {name: fresh_profile(build(name), digits, seeds=3).arrays for name in ("plain-56", "resnet-56")}


def over_seeds(values):
    """The geometric mean of three seeds."""
    return np.exp(np.log(values).mean(axis=0))


norms = {name: over_seeds(found["activation_gradient"]) for name, found in twins.items()}
guess_norms.compare(norms)
grown = {name: values[0] / values[-1] for name, values in norms.items()}
say(
    f"From unit 27 to unit 1, the gradient of `plain-56` becomes {grown['plain-56']:,.0f} times as long, "
    f"that of `resnet-56` {grown['resnet-56']:.0f} times (geometric means of three seeds)."
)

# %% [markdown]
# It does not vanish in this plain net: it *explodes*. He 2015 (§4.1) wrote that nets with batch
# normalisation have "healthy norms". In this net of 56 layers, before the first step,
# they are far from healthy, but on the other side of what the popular sentence says.
#
# > **Exercise 3 · First as a multiple of last** &nbsp; difficulty ●○○ · importance ●●○ · 3 minutes
#
# One number for such a curve: the first layer's gradient as a multiple of the last one's.
#
# <details><summary>Hint</summary> A dictionary keeps the order in which it was filled.
# <code>list(norms.values())</code> has a first and a last.
# </details>


# %%
def first_to_last(norms):
    """`norms` is {layer: length}, from input to output."""
    return ...


check.first_to_last(first_to_last)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def first_to_last(norms):
#     values = list(norms.values())
#     return values[0] / values[-1]
# ```
# </details>
#
# ## Long, but is it good for anything?
#
# A gradient is advice. Move each image by 1 % of its own length, and take the gradient again. If the two
# point the same way, the advice holds; their cosine is 1. If the cosine is 0, what helps one image says
# nothing about its neighbour (Balduzzi 2017 calls such gradients *shattered*).
#
# > **Exercise 4 · Agreement** &nbsp; difficulty ●●○ · importance ●●● · 6 minutes
#
# Given the gradients of some images, and those of the moved images, both [N, …]: the mean over the images
# of the cosine.
#
# <details><summary>Hint</summary> One image's gradient is one long arrow: <code>flatten(1)</code>. Then a
# cosine for each image, then their mean.
# </details>


# %%
def agreement(here, there):
    """The mean over the images of the cosine of two gradients, each [N, …]."""
    return ...


check.agreement(agreement)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def agreement(here, there):
#     return F.cosine_similarity(here.flatten(1), there.flatten(1)).mean()
# ```
# </details>

# %%
guess_agreement = predict(
    "Draw this cosine along the two nets, before training.",
    between=(-0.2, 1), x=unit_numbers, curves=["plain-56", "resnet-56"],
    titles=("unit (1 is nearest the input)", "cosine at nearby inputs"),
)  # fmt: skip

# %% tags=["answer"]
cosines = {name: found["correlation"].mean(axis=0) for name, found in twins.items()}
guess_agreement.compare(cosines)
say(
    f"At unit 1: {cosines['plain-56'][0]:.2f} in `plain-56`, {cosines['resnet-56'][0]:.2f} in `resnet-56` "
    "(means of three seeds). The plain net's first layers get a very long gradient that says nothing."
)

# %% [markdown]
# So a length alone does not tell whether a layer can learn. Keep both numbers in mind.
#
# ## Is it the shortcut, the norm, or the initial weights?
#
# The twins differ by the shortcut. But both have batch normalisation, and both start from He's initial
# weights (He 2015b: so large that a ReLU net neither shrinks nor blows up what goes *forward*). Change all
# three: {plain, residual} × {batch norm, none} × {He, small}. "Small" are normal numbers with a deviation
# of 0.01.

# %%
guess_grid = predict(
    "In which of these nets of 56 layers does the gradient vanish on its way to the first unit?",
    choices=[
        "in all plain ones",
        "in plain ones with batch norm",
        "in plain ones without norm",
        "in all with small weights",
    ],
)

# %% tags=["answer"]
rows = []
for skip, norm, init in itertools.product(
    ("plain", "resnet"), (BatchNorm(), NoNorm()), ("he", "small-normal")
):
    spec = dataclasses.replace(budgets.at("minute", f"{skip}-56").net, norm=norm, init=init)
    seen = fresh_profile(build(spec), digits, seeds=3).arrays
    gradient = seen["activation_gradient"]
    rows.append({
        "net": f"{skip}-56", "norm": norm.kind, "initial weights": "He" if init == "he" else "small",
        "first ÷ last": np.median(gradient[:, 0] / gradient[:, -1]),
        "cosine, unit 1": seen["correlation"][:, 0].mean(),
        "loss": np.median(seen["loss"]),
    })  # fmt: skip
grid = pd.DataFrame(rows).set_index(["net", "norm", "initial weights"])
guess_grid.compare("in plain ones without norm")
display(grid.map("{:.2g}".format))

# %% [markdown]
# Read it line by line; "first ÷ last" and "loss" are medians, the cosine is the mean of three seeds.
#
# - **Plain, batch norm**: explodes, and is shattered. Initial weights hardly matter: the norm divides them
#   away.
# - **Plain, no norm, He**: *here* it vanishes, just as the sentence says. And its direction keeps much of
#   its meaning.
# - **Plain, no norm, small**: nothing arrives. The loss is that of blind guessing, ln 10 = 2.303.
# - **Residual, batch norm**: grows mildly, and neighbours agree.
# - **Residual, no norm, He**: neighbours agree, but the output has grown with every addition, and the loss
#   with it.
# - **Residual, no norm, small**: nearly the identity. The gradient arrives almost unchanged.
#
# So "the gradient vanishes" and "the gradient explodes" are both true, of different plain nets. What the
# shortcut does in all four cases is to keep the *direction*. What the norm does is to keep the *size* of
# what goes forward.
#
# ## The skip dial
#
# A shortcut need not be there or not. Put a factor α in front of it, y = ReLU(α · x + F(x)), in all 27 units.
# At α = 1 it is `resnet-56`, at α = 0 its plain twin.

# %%
alphas = [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]
guess_dial = predict(
    "Draw the cosine at unit 1 while α goes from 0 to 1. A straight line? A step? Where?",
    between=(-0.2, 1), x=alphas, curves=["resnet-56"],
    titles=("α, the factor on every shortcut", "cosine at unit 1"),
)  # fmt: skip

# %% tags=["answer"]
dial = skip_dial(build("resnet-56"), digits, alphas=alphas).arrays
guess_dial.compare({"resnet-56": dial["correlation"][:, 0]})
dialled = dial["activation_gradient"][:, 0] / dial["activation_gradient"][:, -1]
plain_gradient = twins["plain-56"]["activation_gradient"][0]
assert np.isclose(dialled[0], plain_gradient[0] / plain_gradient[-1], rtol=1e-3)  # α = 0 is the plain twin
table = {"cosine, unit 1": dial["correlation"][:, 0], "first ÷ last": dialled}
display(pd.DataFrame(table, index=pd.Index(alphas, name="α")).map("{:.2g}".format).T)

# %% [markdown]
# Half a shortcut in each unit is as good as none: through 27 units, 0.5 becomes $0.5^{27}$, less than a
# hundred-millionth. He 2016 (§3.1) argues just so, and found that nets with a scaled shortcut train worse.
# Only near α = 1 does anything arrive with its meaning.
#
# ## What the plus does
#
# y = F(x) + x. Call the gradient at y $g$. It takes both ways back to x.
#
# > **Exercise 5 · Split at the plus** &nbsp; difficulty ●●○ · importance ●●● · 8 minutes
#
# Give the part that reaches x by the shortcut, and the part that comes through F.
#
# <details><summary>Hint 1</summary> The derivative of x with respect to x is 1. So what arrives by the
# shortcut?
# </details>
# <details><summary>Hint 2</summary>
# <code>torch.autograd.grad(output, input, gradient_at_output)</code> takes a gradient back through a
# function. Its input must have <code>requires_grad_()</code>.
# </details>


# %%
def split_at_plus(F, x, g):
    """Two tensors like x: the gradient by the shortcut, and the gradient through F."""
    return ...


check.split_at_plus(split_at_plus)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def split_at_plus(F, x, g):
#     x = x.requires_grad_()
#     return g, torch.autograd.grad(F(x), x, g)[0]
# ```
# </details>
#
# ## A formula, and what is measured
#
# The popular calculation makes each unit a number. Say F multiplies a gradient by w. Then n plain units
# multiply it by $w^n$, and n residual units by $(1 + w)^n$: "there is a 1 in it, so it cannot vanish". It
# is a fine story about one number. A gradient has thousands. Measure, for each unit of `resnet-56` before
# training, how long the part through F is beside the part by the shortcut: that is its w.

# %%
guess_angle = predict(
    "The formula adds 1 and w, as if both parts pointed the same way. What is their cosine, on average?",
    between=(-1, 1),
    titles=("cosine between the shortcut's part and F's part", ""),
)


# %% tags=["answer"]
def at_the_plus(net):
    """A row for each unit: F's part and both parts as multiples of the shortcut's, the cosine of the two, and
    what the unit's ReLU, and a shortcut that skips pixels, let through of the gradient."""
    passed = {}

    def keep(name):
        return lambda unit, inputs, output: passed.update({name: (inputs[0], output)})

    hooks = [unit.register_forward_hook(keep(name)) for name, unit in net.units()]
    loss = F.cross_entropy(net(images), labels)
    for hook in hooks:
        hook.remove()
    gradients = torch.autograd.grad(loss, [output for _, output in passed.values()])
    rows = []
    for (name, unit), after in zip(net.units(), gradients, strict=True):
        x = passed[name][0].detach().requires_grad_()
        h, branch = unit.shortcut(x), unit.branch(x)
        g = after * (h + branch > 0)  # back through the ReLU
        by_shortcut, through_F = (torch.autograd.grad(way, x, g)[0] for way in (h, branch))
        both = by_shortcut + through_F
        rows.append({
            "w": (through_F.norm() / by_shortcut.norm()).item(),
            "cosine": F.cosine_similarity(through_F.flatten(), by_shortcut.flatten(), dim=0).item(),
            "together": (both.norm() / by_shortcut.norm()).item(),
            "let through": (by_shortcut.norm() / after.norm()).item(),
        })  # fmt: skip
    return pd.DataFrame(rows)


plus = at_the_plus(build("resnet-56").train())
guess_angle.compare(plus["cosine"].mean())
pythagoras = np.sqrt(1 + plus["w"] ** 2)
say(
    f"The parts are nearly at right angles: the cosines are between {plus['cosine'].min():.2f} and "
    f"{plus['cosine'].max():.2f}. So lengths add like the sides of a right triangle, √(1 + w²), "
    f"and not 1 + w. That is off by {abs(plus['together'] / pythagoras - 1).max():.0%} at most."
)

# %% tags=["answer"]
on_the_way = slice(1, None)  # from the output of unit 27 to that of unit 1: through units 27 … 2
steps = {
    "(1 + w)ⁿ, w of unit 14": (1 + plus["w"][13]) ** (len(plus) - 1),
    "(1 + w), each unit's own w": (1 + plus["w"])[on_the_way].prod(),
    "√(1 + w²), at right angles": pythagoras[on_the_way].prod(),
    "√(1 + w²), times what is let through": (pythagoras * plus["let through"])[on_the_way].prod(),
}
seed_0 = twins["resnet-56"]["activation_gradient"][0]
table = {"unit 1 ÷ unit 27, by formula": steps, "measured": seed_0[0] / seed_0[-1]}
display(pd.DataFrame(table).map("{:,.3g}".format))
figure = style.figure("light", height=360)
figure.update_xaxes(title_text="unit (1 is nearest the input)", tickvals=[1, 9, 18, 27])
figure.update_yaxes(title_text="w: F's part beside<br>the shortcut's", rangemode="tozero")
figure.add_scatter(
    x=unit_numbers, y=plus["w"], mode="lines+markers", line={"color": style.RESIDUAL, "width": 3},
    marker={"symbol": style.SYMBOLS["residual"], "size": 9},
)  # fmt: skip
show(figure, "how long the part through F is beside the part by the shortcut, unit by unit")

# %% [markdown]
# Three things that the calculation with one number leaves out:
#
# 1. **Directions.** The two parts are nearly at right angles, so F adds little to the length.
# 2. **w is not the same everywhere.** x grows with each addition, the norm inside F divides by its size,
#    and so F's part shrinks from unit to unit.
# 3. **The ReLU after the addition** takes some of the gradient away again, in every unit.
#
# What is left of the story is its best part: the shortcut hands $g$ back as it is, whatever the weights are.
#
# ## And while it trains?
#
# All of this was before the first step. Here are the recorded twins during their training. Press play,
# choose what is drawn, click a unit. (The same picture is a page of the app. Where widgets cannot be shown,
# you see two heat maps: the image enters at the top, training begins at the left.)

# %%
shelf = runs.recorded()
recorded = {name: shelf.latest(budgets.at("minute", name)) for name in ("plain-56", "resnet-56")}
try:
    from resnet_edu.flow.widget import widget

    picture = widget(flow.flow_data(*recorded.values()), "q=weight&step=0")
except ImportError:  # it needs anywidget
    picture = None
    say('For the moving picture, install `resnet-edu[lab]`, or open the page "Gradients" of the app.')
if picture is not None:
    show_widget(picture, "The moving picture needs a kernel: run this cell.")
show(
    charts.twin_heatmaps(
        *(run.layers() for run in recorded.values()), titles=tuple(recorded), log_steps=True
    ),
    "gradient norm of every layer at every recorded step, plain-56 beside resnet-56",
)

# %%
guess_end = predict(
    "When its training is over, is the gradient of plain-56's first unit still longer than that of its last?",
    choices=["longer, as at the start", "about equal", "shorter"],
)


# %% tags=["answer"]
def first_and_last(run, step):
    at = run.units()
    at = at[at["step"] == step]["gradient"]
    return at.iloc[0] / at.iloc[-1]


ratios = {}
for name, run in recorded.items():
    steps = run.units()["step"]
    ratios[name] = {f"step {step}": first_and_last(run, step) for step in (steps.min(), steps.max())}
ratios = pd.DataFrame(ratios)
at_the_end = ratios["plain-56"].iloc[-1]
guess_end.compare(
    "shorter" if at_the_end < 0.5 else "about equal" if at_the_end < 2 else "longer, as at the start"
)
display(ratios.map("{:.2g}".format))

# %% [markdown]
# A measurement at the end finds a vanished gradient, one at the start an exploded one. The failure came
# between the two. A short gradient at the end cannot have caused it: it may well be its effect.
#
# ## What this does not show
#
# - **That shattered gradients are the cause.** They come with the failure, in these nets. To show a cause
#   one would have to cure them without a shortcut, and see the net train.
# - **Other sizes.** 56 layers, 8 channels, 64 images. How both curves change with depth is on the page of
#   the app.
# - **That norms are of no use.** They say what a step of a given learning rate does to the weights; the
#   cosine does not.
#
# ## Do you remember?
#
# 1. Why is `zero_grad` needed before `backward`?
# 2. A layer has a gradient 2,000 times as long as another. Can it learn better?
# 3. In which plain net does the gradient vanish, in which does it explode?
# 4. What does the shortcut do to the gradient at y, and what does it *not* depend on?
# 5. Why is (1 + w)ⁿ far too large?
#
# <details><summary>Answers</summary>
# <ol><li>PyTorch adds new gradients to those that are there.</li>
# <li>Not because of that: it may point anywhere. Look at the cosine at nearby inputs, too.</li>
# <li>Without norm it vanishes, with batch normalisation it explodes, both before training.</li>
# <li>It hands it back unchanged. It does not depend on any weight.</li>
# <li>The parts by the shortcut and through F are nearly at right angles, w falls from unit to unit, and the
# ReLU cuts.</li></ol>
# </details>
#
# **Where next?** In a terminal, `resnet-edu flow resnet-56-digits-s0 --html flow.html` writes the moving
# picture into one file. Sources: He 2015 ([1512.03385](https://arxiv.org/abs/1512.03385)), He 2015b
# ([1502.01852](https://arxiv.org/abs/1502.01852)), He 2016
# ([1603.05027](https://arxiv.org/abs/1603.05027)), Balduzzi 2017
# ([1702.08591](https://arxiv.org/abs/1702.08591)).
