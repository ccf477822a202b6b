"""Many changed nets at once: each a route through units, and what routes share is computed once.

A net with its third unit deleted takes the same route through the first two as the intact net, and as
the net without its fourth. So all routes are walked as a tree from the stem on, and a sweep over all n
units costs some n/2 passes instead of n.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_edu.data import DataSet, normalise
from resnet_edu.measure import Errors
from resnet_edu.nets import ResNet

BATCH = 64
MOST_THREADS = 64
Route = tuple[nn.Module, ...]


def logits_of(net: ResNet, routes: Sequence[Route], inputs: Tensor) -> Tensor:
    """[routes, N, classes]: the net's stem, a route's units in their order, the net's head.

    `inputs` float [N, C, H, W]. Modules are told apart by identity.
    """
    end = nn.Sequential(net.pool, net.head)
    whole = [(net.stem, *route, end) for route in routes]
    found: dict[int, Tensor] = {}
    waiting = [(0, inputs, list(range(len(routes))))]
    while waiting:
        depth, x, members = waiting.pop()
        ways: dict[nn.Module, list[int]] = {}
        for member in members:
            ways.setdefault(whole[member][depth], []).append(member)
        # The way that fewest share is walked first, so that few maps wait in memory.
        for module, sharing in sorted(ways.items(), key=lambda way: -len(way[1])):
            y = module(x)
            if module is end:
                found |= dict.fromkeys(sharing, y)
            else:
                waiting.append((depth + 1, y, sharing))
    return torch.stack([found[member] for member in range(len(routes))])


def logits_of_all(
    net: ResNet, routes: Sequence[Route], data: DataSet, images: Tensor, *, threads: int = 1
) -> Tensor:
    """float32 [routes, N, classes] of uint8 images [N, C, H, W].

    `threads` share the batches between them; the numbers do not depend on how many there are.
    """
    one, chunks = partial(_batch, net, routes, data), images.split(BATCH)
    if threads == 1:
        return torch.cat([one(chunk) for chunk in chunks], dim=1)
    with ThreadPoolExecutor(threads) as pool:
        return torch.cat(list(pool.map(one, chunks)), dim=1)


@torch.inference_mode()
def _batch(net: ResNet, routes: Sequence[Route], data: DataSet, images: Tensor) -> Tensor:
    inputs = normalise(images, data).contiguous(memory_format=torch.channels_last)
    return logits_of(net, routes, inputs)


def scored(logits: Tensor, labels: Tensor) -> Errors:
    """Of logits [N, classes]: the error in %, and the mean cross-entropy in nats."""
    wrong = (logits.argmax(1) != labels).sum().item()
    loss = F.cross_entropy(logits.double(), labels)
    return Errors(100 * wrong / len(labels), loss.item())
