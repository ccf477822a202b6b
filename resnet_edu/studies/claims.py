"""The sentences that books, tutorials and papers repeat about residual networks, and who says them.

A claim has a study once a file in this folder puts it to the test. `quoted` claims are numbers of a paper
that
no laptop can measure again: they are shown as the paper's, never as measured.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One claim.

    - `number`: 1 … 27, for good.
    - `sentence`: what is claimed, in our words.
    - `said_by`: paper and section, or where it is widespread.
    - `study`: name of the study that tests it; "" if there is none yet.
    - `quoted`: true if only the paper measured it.
    """

    number: int
    sentence: str
    said_by: str
    study: str = ""
    quoted: bool = False


CLAIMS = (
    Claim(
        1,
        "Past some depth, a deeper plain net has a higher training error than a shallower one.",
        "He 2015 §1, Fig. 1",
        "degradation",
    ),
    Claim(2, "Residual nets do not suffer: deeper is better.", "He 2015 §4", "residual_depth"),
    Claim(
        3,
        "At 18 layers plain and residual nets are about as accurate, but the residual one converges faster.",
        "He 2015 §4.1",
        "convergence",
    ),
    Claim(
        4,
        "A deeper plain net can equal the shallower one by identity layers; the solver does not find it.",
        "He 2015 §1",
        "construction",
    ),
    Claim(
        5,
        "Degradation is vanishing gradients.",
        "widespread in tutorials; He 2015 §4.1 says it is not",
        "vanishing",
    ),
    Claim(
        6,
        "With weights near zero a residual unit outputs a copy of its input, a plain one almost zero.",
        "Géron, Hands-On Machine Learning, ch. 14",
        "copies",
    ),
    Claim(7, "If the target is near the identity, training speeds up considerably.", "Géron, ch. 14"),
    Claim(
        8,
        "The net makes progress even while several layers have not started learning.",
        "Géron, ch. 14",
        "unlearnt_units",
    ),
    Claim(
        9,
        "Identity shortcuts add neither parameters nor computation to speak of.",
        "He 2015 §3.1",
        "identity_cost",
    ),
    Claim(
        10,
        "A shortcut around a single layer brings nothing; it takes at least two.",
        "He 2015 §3.2; He 2016 Table 3",
        "single_layers",
    ),
    Claim(
        11,
        "Shortcuts help dense and convolutional layers alike.",
        "He 2015 §3.2",
        "dense_and_conv",
    ),
    Claim(
        12,
        "A residual net is its input plus the sum of all branches; with linear branches, over 2ⁿ paths.",
        "Veit 2016 §3; He 2016 eq. 4",
        "unrolled",
    ),
    Claim(13, "If a layer hurts, regularisation skips it.", "widespread in tutorials", "weight_decay"),
    Claim(
        14,
        "Removing a unit hardly matters to a trained residual net, and destroys a plain one.",
        "Veit 2016 §4.1",
        "lesions",
    ),
    Claim(
        15,
        "Pre-activation trains very deep nets better, and faster, at the same cost.",
        "He 2016 §3.2",
        "preactivation",
    ),
    Claim(
        16,
        "Clean identity shortcuts beat scaled, gated, convolutional and dropped ones.",
        "He 2016 Table 1",
        "clean_shortcuts",
    ),
    Claim(
        17,
        "Highway nets, whose gates are learned, are no better than residual nets.",
        "He 2015 §2; widespread in tutorials",
        "highway",
    ),
    Claim(
        18,
        "How shortcuts change size (zero-padding, projections, projections everywhere) matters little.",
        "He 2015 Table 3",
        "projections",
    ),
    Claim(
        19,
        "Nets of more than 1,000 layers train without trouble; 1,202 overfit a little.",
        "He 2015 §4.2",
        "thousand_layers",
    ),
    Claim(
        20,
        "At equal parameters, deeper generalises better than wider.",
        "widespread; Zagoruyko 2016 contradicts it",
        "depth_or_width",
    ),
    Claim(
        21,
        "Winning nets became deeper and deeper with fewer parameters.",
        "Géron, ch. 14",
        "winners",
    ),
    Claim(
        22,
        "Norms, good initial weights, dropout and greedy training help deep nets; only skips lift the limit.",
        "articles on residual units",
        "before_skips",
    ),
    Claim(
        23,
        "ILSVRC 2015 was won with 3.57 % top-5 error by residual nets of up to 152 layers.",
        "He 2015 Table 5",
        quoted=True,
    ),
    Claim(
        24,
        "Batch norm helps because it reduces covariate shift.",
        "Ioffe 2015; Santurkar 2018 contradicts it",
        "covariate_shift",
    ),
    Claim(
        25,
        "A residual branch of many layers meets the old limit again, and needs skips inside.",
        "articles on residual units",
        "long_branches",
    ),
    Claim(
        26,
        "At the start, gradients at nearby inputs shatter: 1/2ᴸ in plain nets, 1/√L in residual ones.",
        "Balduzzi 2017, Theorems 1 and 3",
        "shattering",
    ),
    Claim(
        27,
        "The chain explains it: a plain gradient is a product wⁿ, a residual one (1 + w)ⁿ.",
        "widespread in tutorials",
        "chain",
    ),
)
"""All of them, by number."""


def of_study(name: str) -> tuple[Claim, ...]:
    """The claims that a study tests."""
    return tuple(claim for claim in CLAIMS if claim.study == name)
