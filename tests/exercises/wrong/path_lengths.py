import math


def no_zero(units):
    """The path of length 0"""
    return [math.comb(units, k) for k in range(1, units + 1)]


def no_longest(units):
    """The longest path"""
    return [math.comb(units, k) for k in range(units)]


def equal(units):
    """All lengths are equally frequent"""
    return [2**units / (units + 1)] * (units + 1)


def shares(units):
    """These are shares"""
    return [math.comb(units, k) / 2**units for k in range(units + 1)]


def orders(units):
    """the order in which branches are chosen"""
    return [math.perm(units, k) for k in range(units + 1)]


def doubled(units):
    """You doubled with every length"""
    return [2**k for k in range(units + 1)]


def as_a_dictionary(units):
    """the answer is a dictionary; a list is wanted"""
    return {k: math.comb(units, k) for k in range(units + 1)}
