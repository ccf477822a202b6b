"""One training by several processes, as `torchrun` starts them: each has its shard of every batch.

    torchrun --nproc-per-node 2 -m resnet_edu train …

Order, augmentation and learning rate are those of one process, so that the shards of a step make up its
batch. Gradients are averaged (PyTorch's DistributedDataParallel), so that all processes move their weights
alike. Batch statistics are of each shard, unless synchronised. Process 0 leads: it says what is trained and
how long a block is, evaluates, and its rows and state are what is kept. The others follow.

Dropout draws the same mask for every shard.
"""

from __future__ import annotations

import copy
import gc
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from resnet_edu.experiment.spec import SpecError

TOLD = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun puts into the environment."""
PATIENCE = timedelta(hours=6)
"""The others wait so long for process 0, which evaluates alone. One that dies is noticed at once."""
TROUBLE = "trouble"


class Alone:
    """The one process of a usual training: nobody to share with."""

    rank, count, neighbours = 0, 1, 1

    def how(self, batch: int) -> dict[str, int]:
        """What how.json is to say of it. Raises `SpecError` where a batch cannot be shared evenly."""
        return {"processes": 1, "batch_statistics_of": batch}

    def placed(self, device: str) -> str:
        """This process's device of that kind; raises `SpecError` for one that cannot be shared out."""
        return device

    def shard(self, batch: int) -> slice:
        """This process's places in every batch."""
        return slice(None)

    def joined(self, net: nn.Module) -> nn.Module:
        """The net as it is trained: gradients are averaged over all processes in every backward pass."""
        return net

    def mean(self, loss: Tensor) -> Tensor:
        """Over all processes."""
        return loss

    def heard(self, said: Any = None) -> Any:
        """What process 0 says; each process has to listen."""
        return said

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Process 0's tensors, on the CPU, are written into everybody's."""

    @contextmanager
    def parted(self) -> Iterator[None]:
        """Says why, where another process has gone: `ConnectionError`, or that one's own reason."""
        yield


class Processes(Alone):
    """Several. What they say travels over a group of its own, in which no GPU is waited for."""

    def __init__(self, store: dist.Store, synchronised: bool) -> None:
        self.rank, self.count, self.store = dist.get_rank(), dist.get_world_size(), store
        self.neighbours = int(os.environ["LOCAL_WORLD_SIZE"])
        self.small_talk: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        self.synchronised = synchronised

    def how(self, batch: int) -> dict[str, int]:
        share = batch // self.count
        if batch % self.count or share < 2:
            allowed = f"multiples of {self.count} from {2 * self.count} on"
            raise SpecError(f"batch is {batch}; {self.count} processes share it evenly; allowed: {allowed}")
        return {"processes": self.count, "batch_statistics_of": batch if self.synchronised else share}

    def placed(self, device: str) -> str:
        kind = torch.device(device).type
        if kind not in ("cpu", "cuda"):
            raise SpecError(f"device is {device!r}; with several processes allowed: cpu, cuda")
        if self.synchronised and kind == "cpu":
            raise SpecError("synchronised batch statistics need CUDA; the device is cpu")
        return kind if kind == "cpu" else f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"

    def shard(self, batch: int) -> slice:
        share = batch // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    def joined(self, net: nn.Module) -> nn.Module:
        """Running statistics are process 0's."""
        return DistributedDataParallel(synchronised(net) if self.synchronised else net)

    def mean(self, loss: Tensor) -> Tensor:
        total = loss / self.count
        dist.all_reduce(total)
        return total

    def heard(self, said: Any = None) -> Any:
        """It travels as JSON: nothing is unpickled."""
        text = json.dumps(said).encode()
        length = torch.tensor(len(text))
        dist.broadcast(length, 0, self.small_talk)
        content = torch.zeros(int(length), dtype=torch.uint8)
        if self.rank == 0:
            content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        dist.broadcast(content, 0, self.small_talk)
        return json.loads(content.numpy().tobytes())

    def spread(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            dist.broadcast(tensor, 0, self.small_talk)

    @contextmanager
    def parted(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and "gloo" not in str(error):
                raise
            if self.rank == 0 and self.store.check([TROUBLE]):
                raise SpecError(self.store.get(TROUBLE).decode()) from None
            raise ConnectionError(f"one of the {self.count} processes has gone") from None


def synchronised(net: nn.Module) -> nn.Module:
    """A net over the same tensors whose batch statistics are those of all shards; `net` itself, which is
    evaluated by process 0 alone, keeps its own."""
    tensors = [*net.parameters(), *net.buffers()]
    twin = copy.deepcopy(net, {id(tensor): tensor for tensor in tensors})
    return nn.SyncBatchNorm.convert_sync_batchnorm(twin)


@contextmanager
def launched(*, synchronised: bool = False) -> Iterator[Alone]:
    """The processes that torchrun has started, this one among them; without torchrun, this one alone.
    `synchronised` batch statistics are of the whole batch (PyTorch's SyncBatchNorm, on CUDA)."""
    if not all(name in os.environ for name in TOLD) or os.environ["WORLD_SIZE"] == "1":
        yield Alone()
        return
    store, rank, count = next(iter(dist.rendezvous("env://", timeout=PATIENCE)))
    # After a restart torchrun gives the same store, and in it lie the addresses of those who have died.
    store = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    gpus_for_all = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    backend = "cpu:gloo,cuda:nccl" if gpus_for_all and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    processes = Processes(store, synchronised)
    try:
        yield processes
    except Exception as error:
        if rank and not isinstance(error, ConnectionError):
            store.set(TROUBLE, f"process {rank}: {error}")  # process 0 tells, when it misses this one
        raise
    else:
        if rank == 0:
            with suppress(RuntimeError):  # somebody may have died: then nobody listens
                processes.heard(None)
    finally:
        dist.destroy_process_group()  # where it was not over, the others notice
        del processes.small_talk
        gc.collect()  # with all that holds on to groups: their threads are to end before the interpreter does
