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
# # 1 · Does a deeper net train worse?
#
# In 2015 a deep net was a puzzle. Up to a point, more layers made it better. Beyond that point, more
# layers made it worse, and not only on new images: also on the images that it was *trained* on. He,
# Zhang, Ren and Sun called this **degradation**, and answered it with the residual net
# ([He 2015](https://arxiv.org/abs/1512.03385), §1 and Fig. 1).
#
# In this lesson you make degradation happen on your own machine, test the easy explanations by
# measuring, and see which single line of code takes it away.
#
# - **Time:** 45 minutes, of which the machine computes about one.
# - **You need:** to know what a convolution and a training step are. [Lesson 0](00_start_here.ipynb) shows
#   how lessons work.
# - **Afterwards** you can tell degradation from overfitting, say when three seeds settle a claim, and know
#   what the usual explanations are worth.
#
# **How to use it.** Run one cell after the other with Shift+Enter. Where it says *Predict*, make your guess
# before you run the next cell. A wrong guess teaches most. Every number that the cells print is measured or
# counted here; where a number is the paper's, it says so.

# %%
import copy
import dataclasses
import difflib
import inspect

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from lesson import losses, say, show, train
from predict import predict

from resnet_edu import charts, data, nets, references, runs, studies
from resnet_edu.charts import style
from resnet_edu.exercises import check
from resnet_edu.experiment import budgets
from resnet_edu.nets.count import parameters

digits = data.load(budgets.at("minute", "plain-8").data)


def build(name, seed=0):
    """The net of this name with its starting weights, made for the digits."""
    sizes = {"channels": digits.channels, "side": digits.side, "classes": digits.classes}
    return nets.build(budgets.at("minute", name).net, **sizes, seed=seed)


# %% [markdown]
# ## The hope: more layers cannot hurt
#
# Here is the argument. Take a shallow net that works. Put more layers into it, and let each new layer
# pass on what it receives, unchanged. The deeper net now computes exactly what the shallow one
# does. So among all the settings of the deeper net's weights, there is one that is just as good.
# Training looks for the best setting. Why should it end up with a worse one?
#
# Do not believe the argument. Build such a unit.

# %%
guess_copier = predict(
    "Can a convolution, a batch normalisation and a ReLU really pass on their input unchanged?",
    choices=["yes, to rounding", "only roughly", "no"],
)

# %% tags=["answer"]
copier = copy.deepcopy(build("plain-8").stages[0][0]).eval()  # two layers without a shortcut
branch = copier.branch
with torch.no_grad():
    for convolution, norm in [(branch.conv1, branch.norm1), (branch.conv2, branch.norm2)]:
        torch.nn.init.dirac_(convolution.weight)  # 1 in the middle of the kernel, 0 elsewhere
        norm.weight.fill_((1 + norm.eps) ** 0.5)  # undo the little that is added to the variance

x = torch.rand(100, 8, 8, 8)  # what comes out of a ReLU: nothing below 0
difference = (copier(x) - x).abs().max().item()
assert difference < 1e-6
guess_copier.compare("yes, to rounding")
say(f"Two layers that copy: their output differs from their input by {difference:.1g} at most.")

# %% [markdown]
# So the hope is sound. A deeper net *can* be as good as a shallow one. Whether training *finds* such
# weights is another question, and the only one that matters from here on.
#
# ## Three nets, and what they look at
#
# We train on real images small enough for a laptop: scans of handwritten digits, 8 pixels by 8.

# %%
spaced = np.pad(digits.train_images[:12, 0].numpy(), ((0, 0), (1, 1), (1, 1)))
figure = style.figure("light", height=150)
figure.add_heatmap(z=np.hstack(spaced), colorscale="gray_r", showscale=False, hoverinfo="skip")
figure.update_xaxes(visible=False, constrain="domain")
figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
figure.update_layout(margin={"l": 10, "r": 10, "t": 10, "b": 10})
show(figure, "twelve handwritten digits in a row, each of 8 by 8 grey pixels")
say(
    f"{len(digits.train_images):,} images to train on, {len(digits.test_images)} to test with, "
    f"{digits.classes} classes. The first twelve labels: {digits.train_labels[:12].tolist()}"
)

# %% [markdown]
# Now three nets. `plain-8` has 8 layers with weights. `plain-56` has 56. `resnet-56` has the same 56
# layers, and *shortcuts*: around every two layers runs a wire that adds their input to their output.

# %%
guess_cost = predict(
    "How many weights do the shortcuts of resnet-56 cost?",
    choices=["none", "one for each of its 27 units", "as many as a layer", "it has fewer than plain-56"],
)

# %% tags=["answer"]
built = {name: build(name) for name in ("plain-8", "plain-56", "resnet-56")}
counts = {name: parameters(net) for name, net in built.items()}
layers = {name: len(nets.layers(net)) for name, net in built.items()}
assert counts["resnet-56"] == counts["plain-56"]
guess_cost.compare("none", how="Counted")
display(pd.DataFrame({"layers": layers, "parameters": counts}))
say(
    f"The shortcuts cost {counts['resnet-56'] - counts['plain-56']} parameters: the wire only adds. "
    f"`plain-56` has {counts['plain-56'] / counts['plain-8']:.0f} times as many as `plain-8`: "
    "if anything, it could learn *more* by heart."
)

# %% [markdown]
# What happens to an image on its way? `trace` runs the net and keeps what lies between. Each line below
# is the output of one *unit*, two layers. Twice the picture shrinks to half its side and gets twice as
# many channels.

# %%
guess_shapes = predict("Will the shapes of resnet-8 differ from those of plain-8?", choices=["yes", "no"])

# %% tags=["answer"]
batch = data.normalise(digits.train_images[:64], digits)
shapes = {}
for name in ("plain-8", "resnet-8"):
    logits, between = build(name).forward_intermediates(batch)
    shapes[name] = {unit: str(tuple(out.shape)) for unit, out in {**between, "logits": logits}.items()}
guess_shapes.compare("no" if shapes["plain-8"] == shapes["resnet-8"] else "yes")
display(pd.DataFrame(shapes))

# %% [markdown]
# > **Exercise 1 · What does a pixel see?** &nbsp; difficulty ●●○ · importance ●○○ · 8 minutes
#
# One number behind a 3×3 layer depends on 3×3 pixels of the image. Behind two such layers it depends on
# 5×5. How large is that square behind many layers, some of which skip pixels? Give its side.
#
# <details><summary>Hint 1</summary>
# Begin with a square of one pixel. A layer with kernel k adds k − 1 steps to its side. How long is a step?
# </details>
# <details><summary>Hint 2</summary>
# A step is one pixel at first. After a layer of stride 2, neighbours are two pixels apart.
# </details>
# <details><summary>Help by symptom</summary>
# The check says that strides multiply: keep the step in a variable, and change it after each layer.
# </details>


# %%
def receptive_field(kernels, strides):
    """The side of the square of pixels; a kernel and a stride for each layer, from input to output."""
    return ...


check.receptive_field(receptive_field)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def receptive_field(kernels, strides):
#     side, step = 1, 1
#     for kernel, stride in zip(kernels, strides):
#         side += (kernel - 1) * step
#         step *= stride
#     return side
# ```
# </details>
#
# ## One training is one `Experiment`
#
# An `Experiment` says everything that decides the numbers of a training: net, images, recipe, seed. The
# *budget* `minute` fills in all but the net. This is the whole of it, defaults left out:

# %%
deep = budgets.at("minute", "plain-56", seed=0)
for setting, value in deep.to_query().items():
    print(f"{setting:<16} {value}")

# %% [markdown]
# Every experiment has a **twin**: the same in all but the shortcut. Everything else is held still, even
# the luck: twins start from the same random weights and see the same images in the same order.

# %%
guess_twin = predict(
    "Ask for the twin. What changes?",
    choices=["one setting, no starting weight", "one setting, and the starting weights", "several settings"],
)

# %% tags=["answer"]
twin = deep.twin()
changed = {setting for setting, _ in deep.to_query().items() ^ twin.to_query().items()}
weights, twin_weights = (build(e.label, e.seed).state_dict() for e in (deep, twin))
equal = [torch.equal(weights[name], twin_weights[name]) for name in weights]
say(f"`{deep.label}` has the twin `{twin.label}`. Changed settings: {', '.join(changed)}.")
say(f"Of {len(equal)} tensors, {sum(equal)} start equal to the last bit.")
assert all(equal)
assert len(changed) == 1
guess_twin.compare("one setting, no starting weight", how="Counted")

# %% [markdown]
# So if the twins end differently, there is one suspect.
#
# ## Train them
#
# Four nets: plain and residual, 8 and 56 layers. How many of 100 *training* images does each still get wrong
# at the end? Guessing blindly among ten classes gives about 90.
#
# The next cell trains the four, side by side, as many at a time as your machine has cores. The bar says
# how long it will take. The stop button stops it; run the cell again and it goes on where it was. What is
# trained once is kept, so a second visit costs nothing.

# %%
guess_errors = predict(
    "Training error after the last step: draw both kinds of nets.",
    between=(0, 100), unit="%", x=[8, 56], curves=["plain", "residual"],
    titles=("layers", "training error in %"),
)  # fmt: skip

# %% tags=["answer"]
study = studies.get("degradation")
arms = study.arms("minute", seeds=[0], depths=[8, 56])
trained = {run.experiment.label: run for run in train(arms, chart=True)}

# %% tags=["answer"]
measured = study.measure(trained.values())
results = measured.set_index(["depth", "net"]).sort_index()
by_net = results["train_error"].unstack("net")
guess_errors.compare({net: by_net[net] for net in by_net})
display(by_net.round(1))

# %% [markdown]
# ## Is it overfitting?
#
# The usual excuse of a big net is overfitting: it learns the training images by heart and fails on new
# ones. If `plain-56` overfitted, would its training error be high or low?

# %%
guess_overfits = predict(
    "plain-56 got wrong at the end:",
    choices=["few training images, many test images", "many of both", "few of both"],
)

# %% tags=["answer"]
curves = pd.concat([losses(run) for run in trained.values()])
show(
    charts.loss_curves(curves, log_y=True, smooth=5),
    "training loss against step for plain and residual nets of 8 and 56 layers",
)
plain = results.loc[(56, "plain")]
assert min(plain.train_error, plain.test_error) > 45
guess_overfits.compare("many of both")
say(
    f"`plain-56` gets {plain.train_error:.1f} % of the **training** images wrong, images that it saw again "
    f"and again, and {plain.test_error:.1f} % of the test images. Overfitting is a *low* training error "
    "beside a higher test error, and a loss that falls towards 0. Look which of the two you have."
)
display(results[["train_error", "test_error"]].round(1))

# %% [markdown]
# That is why this lesson always asks for the training error. A high one cannot be blamed on new images.
# The weights that would do (a copy of `plain-8`, then copiers) exist, and training did not find them.
#
# One more excuse. A net with batch normalisation is tested with *running* averages, and averages may lag
# behind a net that changes fast. So the same error was also measured with each batch's own averages, as
# in training:

# %%
say(
    f"`plain-56`, training error: {plain.train_error:.1f} % with running averages, "
    f"{plain.train_error_batch:.1f} % with the batch's own."
)

# %% [markdown]
# ## Was it bad luck?
#
# One seed is an anecdote. The study behind this lesson trains three seeds of 8, 20 and 56 layers, plain
# and residual. Those runs come with the package, so you need not wait for them.

# %%
guess_depths = predict(
    "Draw training error against depth, plain and residual, for the mean of three seeds.",
    between=(0, 100), unit="%", x=[8, 20, 56], curves=["plain", "residual"],
    titles=("layers", "training error in %"),
)  # fmt: skip

# %% tags=["answer"]
shelf = runs.recorded()
recorded = [run for arm in study.arms("minute") if (run := shelf.latest(arm)) is not None]
table = study.measure(recorded)
verdict = study.verdict(table)
means = table.groupby(["net", "depth"])["train_error"].mean()
guess_depths.compare({net: means[net] for net in ("plain", "residual")})
show(
    charts.error_by_depth(table, chance=verdict.evidence["chance"]),
    "training error against depth, plain and residual, with the spread of the seeds",
)
say(f"The claim: *{study.claim}* By the study's rule, {len(recorded)} recorded runs say: **{verdict.word}**.")
say(verdict.sentence)

# %% [markdown]
# Each point is one run. The rule was written down before any run was made: the difference between deepest
# and shallowest, seed by seed, must be at least a whole percentage point *even at the lower end of what
# three seeds allow*.
#
# > **Exercise 2 · When is it settled?** &nbsp; difficulty ●●● · importance ●●● · 12 minutes
#
# Write that rule. You get the training errors of three deep nets and of three shallow ones, seed by seed.
# With d = deep − shallow, the bounds are
#
# $$\bar d \pm 2.92 \cdot s_d / \sqrt 3,$$
#
# where $\bar d$ is the mean and $s_d$ the standard deviation (of a sample). Say "supported" if the lower
# bound is at least 1, "contradicted" if the upper bound is below 1, else "not settled".
#
# <details><summary>Hint 1</summary> Differences first, seed by seed; then one mean and one deviation of the
# three differences.
# </details>
# <details><summary>Hint 2</summary>
# <code>statistics.stdev</code> divides by n − 1, <code>numpy.std</code> by n unless you say
# <code>ddof=1</code>.
# </details>
# <details><summary>Help by symptom</summary> The check speaks of pairs: you took a deviation for all deep
# nets, and another one for all shallow ones.
# </details>


# %%
def settled(deep, shallow):
    """ "supported", "contradicted" or "not settled"; both are lists of errors in %, one for each seed."""
    return ...


check.verdict(settled)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# from statistics import mean, stdev
#
#
# def settled(deep, shallow):
#     differences = [d - s for d, s in zip(deep, shallow)]
#     margin = 2.92 * stdev(differences) / 3**0.5
#     if mean(differences) - margin >= 1:
#         return "supported"
#     return "contradicted" if mean(differences) + margin < 1 else "not settled"
# ```
# </details>
#
# The study's own rule is in `resnet_edu/studies/degradation.py`.
#
# ## Does the gradient vanish?
#
# Here is the explanation that you will hear most: "in a deep net the gradient vanishes, so the first
# layers do not learn". He 2015 (§4.1) checked in plain nets of up to 34 layers, found "healthy norms" and
# calls it unlikely. You need not take sides. Every layer's gradient was recorded while you trained.
#
# If it vanishes: which side of the net would be dark, input or output? And when?

# %%
deep_plain, deep_residual = trained["plain-56"], trained["resnet-56"]
show(
    charts.twin_heatmaps(
        deep_plain.layers(), deep_residual.layers(), titles=("plain-56", "resnet-56"), log_steps=True
    ),
    "gradient norm of every layer at every recorded step, plain-56 beside resnet-56",
)

# %% [markdown]
# The image enters at the top, training begins at the left. The colour is the length of the gradient, in
# powers of ten. Look at the left edge first: step 0, when nothing has been learnt yet.

# %%
guess_way_back = predict(
    "At step 0, does the gradient of plain-56 shrink or grow on its way back to the input?",
    choices=["it shrinks", "it stays about as long", "it grows"],
)

# %% tags=["answer"]
show(
    charts.layer_norms({name: trained[name].layers() for name in ("plain-56", "resnet-56")}, step=0),
    "gradient norm by layer at step 0, plain-56 and resnet-56",
)


def first_to_last(run, step):
    """Gradient of the first unit's first convolution, as a multiple of the last unit's last one."""
    layers = run.layers()
    at = layers[layers["step"] == step].set_index("name")["gradient"]
    convolutions = at[at.index.str.contains("branch")]
    return convolutions.iloc[0] / convolutions.iloc[-1]


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


last = int(deep_plain.layers()["step"].max())
ratios = pd.DataFrame(
    {f"step {step}": {name: first_to_last(run, step) for name, run in trained.items()} for step in (0, last)}
)
begun, ended = ratios.loc["plain-56"]
guess_way_back.compare("it grows" if begun > 2 else "it shrinks" if begun < 0.5 else "it stays about as long")
say(
    f"At step 0, before it has learnt anything, `plain-56` has a gradient **{number(begun)} times** as long "
    f"near the input as near the output: it {'grows' if begun > 1 else 'shrinks'} on its way back. "
    f"At step {last} it is {number(ended)} times as long. All four nets:"
)
display(ratios.map(number))

# %% [markdown]
# Read the two columns for `plain-56` again. A look at the start alone and a look at the end alone would tell
# two different stories about the same net. So say *when* a gradient was measured, and ask
# what came first. At the start, when the failure has yet to happen, the first layers do not lack a signal:
# theirs is among the longest of all.
#
# ## Or does it lose its meaning?
#
# A gradient is a piece of advice: "to do better on this image, change so". Good advice for one image
# should be good advice for nearly the same image. So move every pixel a little, by 1 % of the image's own
# length in all, and compare the two gradients. The cosine between them is 1 if they agree, and 0 if they
# have nothing to do with each other. Balduzzi and others
# ([2017](https://arxiv.org/abs/1702.08591)) looked at such correlations, and called what they found in
# deep plain nets *shattered gradients*.

# %%
unit_numbers = list(range(1, 28))
guess_agreement = predict(
    "Draw this cosine from input to output, before training.",
    between=(-0.2, 1), x=unit_numbers, curves=["plain-56", "resnet-56"],
    titles=("unit (1 is nearest the input)", "cosine of gradients at nearby inputs"),
)  # fmt: skip


# %% tags=["answer"]
def at_start(run):
    units = run.units()
    return units[units["step"] == 0]["correlation"]


cosines = {name: at_start(trained[name]) for name in ("plain-56", "resnet-56")}
guess_agreement.compare(cosines)
agreement = {name: along.iloc[0] for name, along in cosines.items()}
say(
    f"In the unit nearest the input, the two gradients of `plain-56` have a cosine of "
    f"{agreement['plain-56']:.2f}, those of `resnet-56` {agreement['resnet-56']:.2f}."
)

# %% [markdown]
# Advice that changes with every breath cannot be followed. That would explain what you saw. But take
# care: you have seen two things *together*, the failure and the shattered gradient. That one causes the
# other is not shown by seeing them together.
#
# ## What the shortcut changed
#
# One switch. This is the unit, plain and residual, as it stands in `resnet_edu/nets/units.py`:

# %%
print(inspect.getsource(nets.ResidualUnit.forward))

# %% [markdown]
# `branch` is F, the two layers with weights. `after` is the ReLU. Without a shortcut, y = ReLU(F(x)): the
# layers are asked for the *whole* of y. With it, y = ReLU(x + F(x)): they are asked only for what is to be
# *added* to x, the residual. And remember the copier that you built: now it takes no skill at all. F = 0
# will do.
#
# Print both nets, and compare line by line. What begins with - is only in `plain-8`, with + only in
# `resnet-8`.

# %%
guess_lines = predict(
    "How many lines differ?", between=(0, 60), titles=("lines that are only in one of the two nets", "")
)

# %% tags=["answer"]
printed = [str(build(name)).splitlines() for name in ("plain-8", "resnet-8")]
differing = [line for line in difflib.ndiff(*printed) if line[0] in "+-"]
guess_lines.compare(len(differing), how="Counted")
print("\n".join(differing))

# %% [markdown]
# And all that you measured, side by side:

# %%
summary = {
    "parameters": counts,
    "training error (%)": {n: results.loc[(56, style.net_of(n)), "train_error"] for n in agreement},
    "test error (%)": {n: results.loc[(56, style.net_of(n)), "test_error"] for n in agreement},
    "gradient at step 0, first ÷ last": ratios["step 0"],
    "cosine at nearby inputs, first unit": agreement,
}
display(pd.DataFrame(summary).loc[list(agreement)].T.map(number))

# %% [markdown]
# ## What this does not show
#
# - **That the plain net never learns.** It did not learn in the steps that it was given. It may be slow
#   rather than lost. Experiment 3 asks.
# - **That it is the same everywhere.** These are 8×8 digits and narrow nets, trained for seconds. He 2015
#   saw it on CIFAR-10 and ImageNet, with far milder differences between far better nets.
# - **Why.** It is not overfitting, not lagging averages, and it did not start with a vanished gradient. You
#   have seen one candidate, and not proved it.
# - **That deeper residual nets are better.** The next cell says what these runs say about it, and what
#   the paper reports of other nets, on other images, with a longer training.

# %%
residual = verdict.evidence["residual"]
deeper, shallower = residual["worse"], residual["better"]
say(
    f"These runs: residual nets of {deeper['depth']} layers end at {deeper['error']:.1f} % training error, "
    f"those of {shallower['depth']} at {shallower['error']:.1f} %. The difference has 95 % bounds of "
    f"{residual['low']:+.1f} and {residual['high']:+.1f} points, {residual['n']} seeds: the deeper ones are "
    f"{'better' if residual['high'] < 0 else 'not shown to be better'}."
)
names = ("resnet-20", "resnet-56", "resnet-110")
say("The paper, on CIFAR-10:\n" + "\n".join(f"- {name}: {references.reported(name)}" for name in names))

# %% [markdown]
# ## Experiments
#
# Each is one training or a few. Make a guess, fill in, run. An empty list trains nothing.
#
# **1. Where does it begin?** Somewhere between two depths of the chart above, plain nets begin to fail.
# Find out where. A CIFAR net has 6n + 2 layers: 26, 32, 38, 44, 50. Is the fall gradual or sudden?
#
# <details><summary>Hint</summary>
# Do not try them all. Begin in the middle, and halve what is left. Then ask a second seed whether it agrees:
# near the edge, luck may decide.
# </details>


# %%
def report(trained):
    """What each training ended with."""
    for run in trained:
        experiment, error = run.experiment, run.evals()["train_error"].iloc[-1]
        recipe = f"lr {experiment.recipe.lr:g}, {experiment.recipe.steps:,} steps, seed {experiment.seed}"
        say(f"- {experiment.label}, {recipe}: {error:.1f} % training error ({run.status().state})")


mine = []  # for example: [budgets.at("minute", "plain-38")]
report(train(mine))


# %% [markdown]
# **2. Was the learning rate too high?** An exploding gradient at the start sounds like it. Train `plain-56`
# at a tenth of the learning rate, and at a hundredth. What do you expect, if the length of the step is all
# that is wrong?
#
# <details><summary>Hint</summary>
# If the error stays high at every learning rate, the length of the step was not the whole trouble. Give
# <code>resnet-56</code> the same learning rates: a low one may just be slow for both.
# </details>


# %%
def with_recipe(experiment, **settings):
    """The same experiment with some of its recipe changed."""
    return dataclasses.replace(experiment, recipe=dataclasses.replace(experiment.recipe, **settings))


mine = []  # for example: [with_recipe(deep, lr=lr) for lr in (0.01, 0.001)]
report(train(mine))

# %% [markdown]
# **3. Slow, or lost?** Give `plain-56` another seed, and then four times the steps. Which of the two helps?
# How long would you go on before you call it lost?
#
# <details><summary>Hint</summary>
# Write <code>dataclasses.replace(deep, seed=7)</code>, then <code>with_recipe(deep, steps=960)</code>. With
# more steps the learning rate also falls later, for it falls at shares of all steps: two things change at
# once. Which third training would tell them apart?
# </details>

# %%
mine = []  # for example: [dataclasses.replace(deep, seed=7)]
report(train(mine))

# %% [markdown]
# ## Do you remember?
#
# 1. How do you tell degradation from overfitting?
# 2. Why can a deeper plain net be as good as a shallow one, and what does that not say?
# 3. Why are the differences taken seed by seed?
# 4. Which two things did you see together with the failure, and which one not?
#
# <details><summary>Answers</summary>
# <ol><li>By the training error: overfitting has a low one, degradation a high one.</li>
# <li>Layers can copy their input. It says that good weights exist, not that training finds them.</li>
# <li>Twins of one seed share images, order and starting weights, so what is left differs by depth
# alone.</li>
# <li>A gradient that grew on its way back, and one that changes between nearby images. Not one that had
# vanished before the failure.</li></ol>
# </details>
#
# **Where next?** [Lesson 2](02_residual_formulation.ipynb) takes that one line of code apart. This experiment
# with buttons is the first page of the app (`make app`). In a terminal it is
# `resnet-edu study degradation --budget minute`, and `--budget paper` on a GPU is the paper's own.
