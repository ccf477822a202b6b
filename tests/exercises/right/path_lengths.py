import math

import numpy as np


def binomials(units):
    return [math.comb(units, k) for k in range(units + 1)]


def pascal(units):
    row = [1]
    for _ in range(units):
        row = [a + b for a, b in zip([0, *row], [*row, 0], strict=True)]
    return row


def polynomial(units):
    """(1 + z)ⁿ multiplied out."""
    return np.poly1d([1, 1]) ** units if units == 0 else (np.poly1d([1, 1]) ** units).coeffs
