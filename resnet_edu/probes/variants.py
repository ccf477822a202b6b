"""Logits of many variants of one net, each a sequence of units; shared prefixes are computed once.

A net without its third unit starts like the intact net, and like the net without its fourth. So the variants
form a tree from the stem on, and deleting each of n units in turn costs about n/2 passes instead of n.
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
UnitSequence = tuple[nn.Module, ...]


def variant_logits(net: ResNet, variants: Sequence[UnitSequence], inputs: Tensor) -> Tensor:
    """[variants, N, classes]: the net's stem, a variant's units in order, the net's head.

    `inputs` float [N, C, H, W]. Modules are compared by identity.
    """
    end = nn.Sequential(net.pool, net.head)
    whole = [(net.stem, *variant, end) for variant in variants]
    found: dict[int, Tensor] = {}
    waiting = [(0, inputs, list(range(len(variants))))]
    while waiting:
        depth, x, members = waiting.pop()
        ways: dict[nn.Module, list[int]] = {}
        for member in members:
            ways.setdefault(whole[member][depth], []).append(member)
        # Depth first, the branch with fewest variants first: few feature maps wait in memory.
        for module, sharing in sorted(ways.items(), key=lambda way: -len(way[1])):
            y = module(x)
            if module is end:
                found |= dict.fromkeys(sharing, y)
            else:
                waiting.append((depth + 1, y, sharing))
    return torch.stack([found[member] for member in range(len(variants))])


def all_variant_logits(
    net: ResNet, variants: Sequence[UnitSequence], data: DataSet, images: Tensor, *, threads: int = 1
) -> Tensor:
    """float32 [variants, N, classes] of uint8 images [N, C, H, W].

    `threads` share the batches; the numbers do not depend on how many there are.
    """
    one, chunks = partial(_batch, net, variants, data), images.split(BATCH)
    if threads == 1:
        return torch.cat([one(chunk) for chunk in chunks], dim=1)
    with ThreadPoolExecutor(threads) as pool:
        return torch.cat(list(pool.map(one, chunks)), dim=1)


@torch.inference_mode()
def _batch(net: ResNet, variants: Sequence[UnitSequence], data: DataSet, images: Tensor) -> Tensor:
    inputs = normalise(images, data).contiguous(memory_format=torch.channels_last)
    return variant_logits(net, variants, inputs)


def score_logits(logits: Tensor, labels: Tensor) -> Errors:
    """Error in % and mean cross-entropy in nats of logits [N, classes]."""
    wrong = (logits.argmax(1) != labels).sum().item()
    loss = F.cross_entropy(logits.double(), labels)
    return Errors(100 * wrong / len(labels), loss.item())
