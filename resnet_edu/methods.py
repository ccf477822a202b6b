"""How a net's prediction can be laid on the pixels, and what each way cannot tell: in words. No torch here.

`probes.saliency` computes the maps under the same names. In all of them a *score* is the logit of one
class, and the *mean image* is that of the training images: the net's input is 0 there.
"""

from __future__ import annotations

import dataclasses

SMOOTH_SAMPLES, SMOOTH_NOISE = 50, 0.15
WINDOW, STRIDE = 4, 8
COMPLETE = 0.01
TERMS = (
    "The score of a class is its logit, which softmax turns into a probability. The mean image is that of "
    "the training images: there the net's input is 0."
)
SQUARES, TRIES, NEARBY = 200, 10, 0.01

_NO_GRADIENT = (
    "∂ score / ∂ pixel is 0 at every pixel. Every way back from the score passes a ReLU that lets nothing "
    "through, or numbers too small for float32."
)


@dataclasses.dataclass(frozen=True)
class Measure:
    """What a number or a map says: one sentence each, and the paper with the section."""

    title: str
    measures: str
    cannot_tell: str
    source: str


@dataclasses.dataclass(frozen=True)
class Method(Measure):
    """A way to make a map. `signed`: its values speak for (+) or against (−) the class; others are sizes.

    `complete`: it promises to add up to the score less the mean image's. `of_unit`: it looks at one unit.
    `zero`: why a map can be zero at every pixel, as the end of a sentence.
    """

    zero: str = ""
    signed: bool = False
    complete: bool = False
    of_unit: bool = False


METHODS: dict[str, Method] = {
    "saliency": Method(
        "Saliency",
        "|∂ score / ∂ pixel|: how much the score changes when this pixel changes a little.",
        "It cannot tell whether a pixel speaks for or against the class, nor what happens when pixels change "
        "by more than a little, or together.",
        "Simonyan 2013, arXiv 1312.6034, §3",
        _NO_GRADIENT,
    ),
    "input_x_gradient": Method(
        "Input × gradient",
        "(pixel − mean image's pixel) · ∂ score / ∂ pixel: what the pixel would add to the score if the net "
        "were the straight line that it is close to this image.",
        "It cannot see what has saturated: a pixel that decided long before its present value gets nothing.",
        "Shrikumar 2016, arXiv 1605.01713, §2",
        f"the image is the mean image, or {_NO_GRADIENT}",
        signed=True,
    ),
    "smooth_grad": Method(
        "SmoothGrad",
        f"|mean of ∂ score / ∂ pixel| over {SMOOTH_SAMPLES} copies of the image, each with noise of "
        f"{100 * SMOOTH_NOISE:.0f} % of the pixels' range.",
        "It cannot tell noise in the gradient from what the net does there: it averages both away, and "
        "speaks of noisy images rather than of this one.",
        "Smilkov 2017, arXiv 1706.03825, §3",
        f"for all copies {_NO_GRADIENT}",
    ),
    "integrated_gradients": Method(
        "Integrated Gradients",
        "(pixel − mean image's pixel) · the mean of ∂ score / ∂ pixel on the straight way from the mean "
        "image to this one: what the pixel adds to the score (+) or takes away (−).",
        "It cannot tell what pixels do together; and compared with another image than the mean, the map "
        "would be another.",
        "Sundararajan 2017, arXiv 1703.01365, §3",
        "the score stays the same on the whole way from the mean image to this one.",
        signed=True,
        complete=True,
    ),
    "deep_lift": Method(
        "DeepLift",
        "The score's difference from the mean image's, handed back layer by layer: each ReLU passes on "
        "(change of its output) / (change of its input) instead of its slope.",
        "It cannot tell what pixels do together; its rule is one of several that add up, and where two units "
        "compute the same function in different ways it may give different maps.",
        "Shrikumar 2017, arXiv 1704.02685, §3 (Rescale rule)",
        "no ReLU on the way from a pixel to the score gives another output than for the mean image.",
        signed=True,
        complete=True,
    ),
    "guided_backprop": Method(
        "Guided Backprop",
        "∂ score / ∂ pixel with every ReLU also stopping what is negative on its way back.",
        "It can hardly tell one class from another, nor a trained net from a random one: it draws the "
        "image's edges in either case (Adebayo 2018).",
        "Springenberg 2014, arXiv 1412.6806, §3.4",
        "on each way back from the score a ReLU stops the gradient, because its input, or what comes back to "
        "it, is negative.",
        signed=True,
    ),
    "grad_cam": Method(
        "Grad-CAM",
        "The unit's channels, each weighted by the mean of ∂ score / ∂ channel over its pixels, added up; "
        "only what is above 0 is kept, and drawn smoothly over the image.",
        "It cannot tell single pixels apart, only the places that the unit has; where nothing in the unit "
        "speaks for the class, it is blank.",
        "Selvaraju 2017, arXiv 1610.02391, §3",
        "the weighted sum of the unit's channels is nowhere above 0, and a ReLU keeps only what is. Where "
        "the sum is negative, the unit speaks against the class.",
        of_unit=True,
    ),
    "guided_grad_cam": Method(
        "Guided Grad-CAM",
        "Guided Backprop · Grad-CAM, pixel by pixel: the fine lines of the one at the places of the other.",
        "It cannot tell more than its factors do: the lines are the image's edges, whatever the net learned.",
        "Selvaraju 2017, arXiv 1610.02391, §3.2",
        "at every pixel one of its two factors is 0. As a rule that is Grad-CAM: the weighted sum of the "
        "unit's channels is nowhere above 0, and a ReLU keeps only what is.",
        signed=True,
        of_unit=True,
    ),
    "occlusion": Method(
        "Occlusion",
        f"How far the score falls when a square (1/{WINDOW} of the image's side, moved by 1/{STRIDE}) is "
        "replaced by the mean image; the mean over all squares that hold the pixel.",
        "It cannot see what is finer or larger than the square, and an image with a blank square is one the "
        "net has never met.",
        "Zeiler & Fergus 2014, arXiv 1311.2901, §4.2",
        "the score stays the same whichever square is covered.",
        signed=True,
    ),
}

UNIT_SHARES = Measure(
    "What each unit carries",
    "How much of the score's difference from the mean image's comes through each unit's branch, and how much "
    "past it through the shortcut: ∂ score / ∂ value · change of the value, summed on the straight way from "
    "the mean image to this one. Branch and shortcut add up to the whole difference, in every unit.",
    "It cannot tell what the score would be without the branch: the units behind would see something new.",
    "Dhamdhere 2018, arXiv 1805.12233, §3 (conductance)",
)
SANITY = Measure(
    "Does the map depend on what was learned?",
    "The net's parts are given new random weights one after another, from the head down; each time the "
    "rank correlation (Spearman) of the map's sizes with those of the trained net's map. It should fall "
    "towards 0.",
    "A correlation that falls shows that the map depends on the weights, not that the map is right.",
    "Adebayo 2018, arXiv 1810.03292, §3.1",
)
INFIDELITY = Measure(
    "Infidelity",
    f"{SQUARES} random squares are replaced by the mean image. Which share of the falls of the score (their "
    "mean square) the map's sums over the squares leave unexplained, at the map's best scale: 0 foretells "
    "every fall, 1 none.",
    "It cannot tell a bad map from a net that is hard to explain, and blank squares are new to the net.",
    "Yeh 2019, arXiv 1901.09392, eq. 1 and §4 (square removal)",
)
SENSITIVITY = Measure(
    "Sensitivity",
    f"The image is moved by {100 * NEARBY:.0f} % of its length in {TRIES} random directions: the largest "
    "change of the map, in lengths of the map. 0 is calm; at 1 the map has become another.",
    "It cannot tell whether the map or the net itself jumps; and a map that never changes says nothing.",
    "Yeh 2019, arXiv 1901.09392, §5.1",
)
SHATTERED = Measure(
    "Shattered gradients",
    f"The cosine between ∂ score / ∂ pixels at an image and at a point {100 * NEARBY:.0f} % of its length "
    "away, the mean over test images: 1 is the same gradient, 0 an unrelated one.",
    "It cannot tell why the gradients differ, nor whether the net is any good: a net that learned nothing "
    "can have very smooth ones.",
    "Balduzzi 2017, arXiv 1702.08591, §2",
)
