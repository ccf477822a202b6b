import math


def upside_down(norms):
    """upside down"""
    first, *_, last = norms.values()
    return last / first


def subtracted(norms):
    """You subtract"""
    first, *_, last = norms.values()
    return first - last


def extremes(norms):
    """the largest over the smallest"""
    return max(norms.values()) / min(norms.values())


def powers_of_ten(norms):
    """This is the logarithm"""
    first, *_, last = norms.values()
    return math.log10(first) - math.log10(last)


def by_name(norms):
    """You sorted the names"""
    names = sorted(norms)
    return norms[names[0]] / norms[names[-1]]


def takes_out(norms):
    """changes its argument in place"""
    values = list(norms.values())
    norms.clear()
    return values[0] / values[-1]
