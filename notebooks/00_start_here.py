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
# # 0 · Start here: a duel
#
# Two nets of 56 layers learn to read handwritten digits. They start from the same weights and see the same
# images in the same order. One line of code differs: `y = F(x)` in one, `y = F(x) + x` in the other. Which
# one learns?
#
# - **Time:** 10 minutes, of which the machine computes less than one.
# - **You need:** to have seen a neural net being trained once.
# - **Afterwards** you have watched what this course explains, and you know how its lessons work.
#
# ## How a lesson works
#
# Run the cells in order, with Shift+Enter. Three kinds of cells want something from you:
#
# 1. **Predict** asks for a guess: choose, slide, or draw a curve on empty axes. Then run the next cell: it
#    lays what was measured over your guess. A wrong guess teaches most, and nothing keeps it.
# 2. **Exercise** has a gap, `return ...`. Fill it in and run the cell: a check names what is the matter, in
#    one sentence. Hints come in steps, and the solution is folded away.
# 3. **Do you remember?** stands at the end of each lesson, with answers.
#
# Numbers that the cells print are measured on your machine or come from runs that ship with the course.
# Nothing is sent anywhere, and no network is needed.

# %%
import inspect

from lesson import say, train
from predict import predict

from resnet_edu.exercises import check
from resnet_edu.experiment import budgets
from resnet_edu.nets.basic_block import BasicBlock, PlainBlock

plain = budgets.at("minute", "plain-56")
residual = plain.twin()
say(
    f"`{plain.label}` and `{residual.label}`: {plain.recipe.steps} steps of {plain.recipe.batch} images each."
)

# %% [markdown]
# Here are the two in code: first what one unit of two layers computes in the plain net, then in the
# residual net.

# %%
print(inspect.getsource(PlainBlock.forward), inspect.getsource(BasicBlock.forward), sep="\n")

# %%
guess = predict(
    "How many of 100 training images does the plain net still get wrong when its training ends? "
    "(Blind guessing gets 90 wrong.)",
    between=(0, 100), unit="%", titles=("training error of plain-56 in %", ""),
)  # fmt: skip

# %% [markdown]
# Now the duel. Both train side by side, and the chart of their losses grows while they do. The stop button
# stops them; run the cell again and they go on.

# %% tags=["answer"]
runs = train([plain, residual], chart=True)
errors = {run.experiment.label: run.evals()["train_error"].iloc[-1] for run in runs}
guess.compare(errors["plain-56"])
say(f"`resnet-56`, with its `+ x`, ends at {errors['resnet-56']:.1f} %.")

# %% [markdown]
# Both nets have the same number of weights, and the plain one *could* compute whatever the residual one
# does. Still, it does not learn. Why? It is not what most people say first. The course takes the
# explanations one by one, and measures.
#
# ## Your first exercise
#
# > **Exercise · What does it cost?** &nbsp; difficulty ●○○ · importance ●●○ · 3 minutes
#
# A unit has two convolutions with kernels of 3×3, without bias, a batch normalisation behind each, and a
# shortcut that adds x. How many numbers does training change in it, if there are `channels` channels in and
# out?
#
# <details><summary>Hint 1</summary>
# Each output channel of a convolution has a 3×3 kernel for each input channel.
# </details>
# <details><summary>Hint 2</summary>
# A batch normalisation learns two numbers for each channel, a weight and a bias. And the shortcut?
# </details>


# %%
def unit_parameters(channels):
    """How many numbers training changes in the unit."""
    return ...


check.unit_parameters(unit_parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def unit_parameters(channels):
#     convolutions = 2 * 9 * channels * channels
#     norms = 2 * 2 * channels
#     return convolutions + norms
# ```
# </details>
#
# ## Where to go
#
# - [Lesson 1](01_degradation.ipynb): does a deeper net train worse, and is it overfitting?
# - [Lesson 2](02_residual_formulation.ipynb): what does the `+ x` change, and what does it cost?
# - [Lesson 3](03_gradient_flow.ipynb): where does the gradient go?
#
# ## Do you remember?
#
# 1. What differs between the two nets?
# 2. Can the plain net's failure be overfitting?
#
# <details><summary>Answers</summary>
# <ol><li>The <code>+ x</code> alone: weights at the start, images and their order are the same.</li>
# <li>No. The error was measured on images that it was trained on.</li></ol>
# </details>
