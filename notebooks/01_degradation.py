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
# **How to use it.** Run one cell after the other with Shift+Enter. Where it says *predict*, stop and
# write your guess on paper before you run the next cell. A wrong guess teaches most. Every number that
# the cells print is measured or counted here; where a number is the paper's, it says so.

# %%
import copy
import dataclasses
import difflib
import inspect

import numpy as np
import pandas as pd
import torch
from IPython.display import display
from lesson import say, show, train

from resnet_edu import charts, data, nets, references, runs, studies
from resnet_edu.charts import style
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
# **Predict.** Can a convolution, a batch normalisation and a ReLU really pass on their input unchanged?
#
# Do not believe the argument. Build such a unit.

# %%
copier = copy.deepcopy(build("plain-8").stages[0][0]).eval()  # two layers without a shortcut
branch = copier.branch
with torch.no_grad():
    for convolution, norm in [(branch.conv1, branch.norm1), (branch.conv2, branch.norm2)]:
        torch.nn.init.dirac_(convolution.weight)  # 1 in the middle of the kernel, 0 elsewhere
        norm.weight.fill_((1 + norm.eps) ** 0.5)  # undo the little that is added to the variance

x = torch.rand(100, 8, 8, 8)  # what comes out of a ReLU: nothing below 0
difference = (copier(x) - x).abs().max().item()
assert difference < 1e-6
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
#
# **Predict.** Order the three nets by their number of weights. What do the shortcuts cost?

# %%
built = {name: build(name) for name in ("plain-8", "plain-56", "resnet-56")}
counts = {name: parameters(net) for name, net in built.items()}
layers = {name: len(nets.layers(net)) for name, net in built.items()}
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
#
# **Predict.** Will the shapes of `resnet-8` differ from those of `plain-8`?

# %%
batch = data.normalise(digits.train_images[:64], digits)
shapes = {}
for name in ("plain-8", "resnet-8"):
    logits, between = build(name).forward_intermediates(batch)
    shapes[name] = {unit: str(tuple(out.shape)) for unit, out in {**between, "logits": logits}.items()}
display(pd.DataFrame(shapes))

# %% [markdown]
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
#
# **Predict.** How many of the settings above change when you ask for the twin? How many of the starting
# weights?

# %%
twin = deep.twin()
changed = {setting for setting, _ in deep.to_query().items() ^ twin.to_query().items()}
weights, twin_weights = (build(e.label, e.seed).state_dict() for e in (deep, twin))
equal = [torch.equal(weights[name], twin_weights[name]) for name in weights]
say(f"`{deep.label}` has the twin `{twin.label}`. Changed settings: {', '.join(changed)}.")
say(f"Of {len(equal)} tensors, {sum(equal)} start equal to the last bit.")
assert all(equal)

# %% [markdown]
# So if the twins end differently, there is one suspect.
#
# ## Train them
#
# **Predict.** Four nets: plain and residual, 8 and 56 layers. Write down the *training* error that you
# expect of each: how many of 100 training images does it still get wrong at the end? Guessing blindly
# among ten classes gives about 90.
#
# The next cell trains the four, side by side, as many at a time as your machine has cores. The bar says
# how long it will take. The stop button stops it; run the cell again and it goes on where it was. What is
# trained once is kept, so a second visit costs nothing.

# %%
study = studies.get("degradation")
arms = study.arms("minute", seeds=[0], depths=[8, 56])
trained = {run.experiment.label: run for run in train(arms)}

# %%
measured = study.measure(trained.values())
results = measured.set_index(["depth", "net"]).sort_index()
say("Training error in %, after the last step:")
display(results["train_error"].unstack("net").round(1))

# %% [markdown]
# Compare with your paper. Which of the four surprised you?
#
# ## Is it overfitting?
#
# The usual excuse of a big net is overfitting: it learns the training images by heart and fails on new
# ones. **Predict.** If `plain-56` overfitted, would its training error be high or low? And how would its
# loss curve look while it trains?


# %%
def losses(run):
    """What the net lost on each mini-batch, with the names by which the chart tells nets apart."""
    net = run.experiment.net
    kind = "plain" if net.plain else "residual"
    return run.steps().assign(net=kind, depth=net.depth, seed=run.experiment.seed)


curves = pd.concat([losses(run) for run in trained.values()])
show(
    charts.loss_curves(curves, log_y=True, smooth=5),
    "training loss against step for plain and residual nets of 8 and 56 layers",
)
plain = results.loc[(56, "plain")]
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
#
# **Predict.** Sketch training error against depth: one line for plain nets, one for residual nets. How
# far will the three seeds scatter?

# %%
shelf = runs.recorded()
recorded = [run for arm in study.arms("minute") if (run := shelf.latest(arm)) is not None]
table = study.measure(recorded)
verdict = study.verdict(table)
show(
    charts.error_by_depth(table, chance=verdict.evidence["chance"]),
    "training error against depth, plain and residual, with the spread of the seeds",
)
say(f"The claim: *{study.claim}* By the study's rule, {len(recorded)} recorded runs say: **{verdict.word}**.")
say(verdict.sentence)

# %% [markdown]
# Each point is one run. The rule was written down before any run was made: the difference between deepest
# and shallowest, seed by seed, must be at least a whole percentage point *even at the lower end of what
# three seeds allow*. You can read it in `resnet_edu/studies/degradation.py`.
#
# ## Does the gradient vanish?
#
# Here is the explanation that you will hear most: "in a deep net the gradient vanishes, so the first
# layers do not learn". He 2015 (§4.1) checked in plain nets of up to 34 layers, found "healthy norms" and
# calls it unlikely. You need not take sides. Every layer's gradient was recorded while you trained.
#
# **Predict.** If it vanishes: which side of the net would be dark, input or output? And when?

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
#
# **Predict.** Going back from the output to the input, does the plain net's gradient shrink or grow?

# %%
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
say(
    f"At step 0, before it has learnt anything, `plain-56` has a gradient **{number(begun)} times** as long "
    f"near the input as near the output: it {'grows' if begun > 1 else 'shrinks'} on its way back. "
    f"At step {last} it is {number(ended)} times as long. All four nets:"
)
display(ratios.map(number))

# %% [markdown]
# Read the two columns for `plain-56` again. Whoever looks only at the start and whoever looks only at the
# end would tell two different stories about the same net. So say *when* a gradient was measured, and ask
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
#
# **Predict.** Two lines from input to output, before training: `plain-56` and `resnet-56`. Where is each
# line near 1, and where near 0?

# %%
figure = style.figure("light")
figure.update_xaxes(title_text="unit (1 is nearest the input)", tickvals=[1, 9, 18, 27])
figure.update_yaxes(title_text="cosine of gradients<br>at nearby inputs", range=[-0.2, 1.05])
agreement = {}
for name in ("plain-56", "resnet-56"):
    units = trained[name].units()
    start = units[units["step"] == 0]
    agreement[name] = start["correlation"].iloc[0]
    net = style.net_of(name)
    line = {"color": style.COLOURS[net], "dash": style.DASHES[net], "width": 3}
    figure.add_scatter(
        x=start["unit"] + 1, y=start["correlation"], name=name, mode="lines+markers", line=line,
        marker={"symbol": style.SYMBOLS[net], "size": 9},
    )  # fmt: skip
figure.update_layout(showlegend=True, legend={"x": 0.35, "y": 0.5})
show(figure, "correlation of gradients at nearby inputs, by unit, before training")
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
#
# **Predict.** How many lines?

# %%
printed = [str(build(name)).splitlines() for name in ("plain-8", "resnet-8")]
print("\n".join(line for line in difflib.ndiff(*printed) if line[0] in "+-"))

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
#   rather than lost. Exercise 3 asks.
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
# ## Your turn
#
# Each exercise is one training or a few. Predict, fill in, run. An empty list trains nothing.
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
# **Where next?** [Lesson 2](02_residual_formulation.ipynb) takes that one line of code apart. This experiment
# with buttons is the first page of the app (`make app`). In a terminal it is
# `resnet-edu study degradation --budget minute`, and `--budget paper` on a GPU is the paper's own.
