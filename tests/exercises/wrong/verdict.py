import numpy as np


def _word(low, high, least=1):
    return "supported" if low >= least else "contradicted" if high < least else "not settled"


def _rule(d, t=2.92, n=3, ddof=1, least=1):
    d = np.array(d)
    margin = t * d.std(ddof=ddof) / n**0.5
    return _word(d.mean() - margin, d.mean() + margin, least)


def means_alone(deep, shallow):
    """You compare the means alone"""
    difference = np.mean(deep) - np.mean(shallow)
    return _word(difference, difference)


def other_sign(deep, shallow):
    """You take shallow − deep"""
    return _rule(np.array(shallow) - np.array(deep))


def unpaired(deep, shallow):
    """The rule pairs them"""
    difference = np.mean(deep) - np.mean(shallow)
    margin = 2.92 * np.sqrt(np.var(deep, ddof=1) / 3 + np.var(shallow, ddof=1) / 3)
    return _word(difference - margin, difference + margin)


def any_difference(deep, shallow):
    """A difference above 0 is not enough"""
    return _rule(np.array(deep) - np.array(shallow), least=0)


def population(deep, shallow):
    """You divide by n in the standard deviation"""
    return _rule(np.array(deep) - np.array(shallow), ddof=0)


def normal(deep, shallow):
    """You use 1.96"""
    return _rule(np.array(deep) - np.array(shallow), t=1.96)


def no_root(deep, shallow):
    """You left out √3"""
    return _rule(np.array(deep) - np.array(shallow), n=1)


def never_contradicted(deep, shallow):
    """You never say “contradicted”"""
    word = _rule(np.array(deep) - np.array(shallow))
    return word if word == "supported" else "not settled"


def never_unsettled(deep, shallow):
    """There is a third word"""
    word = _rule(np.array(deep) - np.array(shallow))
    return word if word == "supported" else "contradicted"
