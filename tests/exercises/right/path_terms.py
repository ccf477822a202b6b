from itertools import combinations

import torch


def doubling(matrices, x):
    terms = [x]
    for w in matrices:
        terms = terms + [w @ term for term in terms]
    return terms


def subsets(matrices, x):
    terms = []
    for length in range(len(matrices) + 1):
        for chosen in combinations(matrices, length):
            term = x
            for w in chosen:
                term = w @ term
            terms.append(term)
    return terms


def stacked(matrices, x):
    """As one tensor, a term in each row."""
    terms = x[None]
    for w in matrices:
        terms = torch.cat([terms, terms @ w.T])
    return terms
