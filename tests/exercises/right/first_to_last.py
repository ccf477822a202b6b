import numpy as np


def listed(norms):
    values = list(norms.values())
    return values[0] / values[-1]


def iterated(norms):
    first, *_, last = norms.values()
    return np.float32(first / last)


def by_keys(norms):
    names = tuple(norms)
    return norms[names[0]] / norms[names[len(names) - 1]]
