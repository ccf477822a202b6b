import torch
from torch.nn.functional import cosine_similarity, normalize


def flattened(here, there):
    return cosine_similarity(here.flatten(1), there.flatten(1)).mean()


def loop(here, there):
    cosines = [(a * b).sum() / (a.norm() * b.norm()) for a, b in zip(here, there, strict=True)]
    return sum(cosines) / len(cosines)


def of_unit_length(here, there):
    a, b = normalize(here.flatten(1)), normalize(there.flatten(1))
    return torch.einsum("ij,ij->i", a, b).mean().item()
