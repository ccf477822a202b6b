import math


def plain_too(residual):
    """A plain unit has one way through"""
    return 2 ** len(residual)


def added(residual):
    """You add ways; they multiply"""
    return 2 * residual.count(True)


def terms(residual):
    """the running sum"""
    return residual.count(True) + 1


def no_shortcut_path(residual):
    """The path that takes only shortcuts counts, too"""
    return 2 ** sum(residual) - 1


def orders(residual):
    """You count the order"""
    return math.factorial(sum(residual))


def squared(residual):
    """You square"""
    return sum(residual) ** 2
