"""One training by several processes that `torchrun` starts: each computes its shard of every batch.

    torchrun --nproc-per-node 2 -m resnet_edu train …

Order, augmentation and learning rate are those of one process, so the shards of a step make up its batch.
DistributedDataParallel averages gradients, so all processes update their weights alike. Each shard has its
own batch statistics, unless they are synchronised. Rank 0 decides what to train and how long a chunk is,
evaluates, and records. The other ranks follow. Dropout draws the same mask for every shard.
"""

from __future__ import annotations

import copy
import gc
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from resnet_edu.experiment.spec import SpecError

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

TORCHRUN_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables that torchrun sets."""
TIMEOUT = timedelta(hours=6)
"""How long the other ranks wait for rank 0, which evaluates alone. A process that dies is noticed at once."""
ERROR_KEY = "error"


class SingleProcess:
    """The only process of a usual training."""

    rank, world_size, local_world_size = 0, 1, 1

    def batch_split(self, batch: int) -> dict[str, int]:
        """For how.json: the number of processes, and of how many images batch statistics are.

        Raises `SpecError` for a batch that does not divide evenly.
        """
        return {"processes": 1, "batch_statistics_of": batch}

    def local_device(self, device: str) -> str:
        """This process's device of that kind; raises `SpecError` for a kind that cannot be shared."""
        return device

    def shard(self, batch: int) -> slice:
        """This process's part of every batch."""
        return slice(None)

    def wrap_ddp(self, net: nn.Module) -> nn.Module:
        """The net to train: its backward pass averages gradients over all processes."""
        return net

    def mean(self, loss: Tensor) -> Tensor:
        """The mean of the losses of all processes."""
        return loss

    def broadcast_object(self, value: Any = None) -> Any:
        """Rank 0's value, on all ranks; every rank must call it."""
        return value

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Copy rank 0's tensors, which are on the CPU, into those of all other ranks."""

    @contextmanager
    def peer_errors(self) -> Iterator[None]:
        """If another process ends inside, raise its error as `SpecError`, or else `ConnectionError`."""
        yield


class ProcessGroup(SingleProcess):
    """Several processes. Control messages use a separate gloo group, which needs no GPU."""

    def __init__(self, store: Store, sync_batchnorm: bool) -> None:
        self.rank, self.world_size, self.store = dist.get_rank(), dist.get_world_size(), store
        self.local_world_size = int(os.environ["LOCAL_WORLD_SIZE"])
        self.control_group: Any = dist.new_group(backend="gloo", timeout=TIMEOUT)
        self.sync_batchnorm = sync_batchnorm

    def batch_split(self, batch: int) -> dict[str, int]:
        share = batch // self.world_size
        if batch % self.world_size or share < 2:
            allowed = f"multiples of {self.world_size} from {2 * self.world_size} on"
            raise SpecError(
                f"batch is {batch}; {self.world_size} processes share it evenly; allowed: {allowed}"
            )
        return {"processes": self.world_size, "batch_statistics_of": batch if self.sync_batchnorm else share}

    def local_device(self, device: str) -> str:
        kind = torch.device(device).type
        if kind not in ("cpu", "cuda"):
            raise SpecError(f"device is {device!r}; with several processes allowed: cpu, cuda")
        if self.sync_batchnorm and kind == "cpu":
            raise SpecError("synchronised batch statistics need CUDA; the device is cpu")
        return kind if kind == "cpu" else f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"

    def shard(self, batch: int) -> slice:
        share = batch // self.world_size
        return slice(self.rank * share, (self.rank + 1) * share)

    def wrap_ddp(self, net: nn.Module) -> nn.Module:
        """Running statistics are rank 0's."""
        return DistributedDataParallel(with_sync_batchnorm(net) if self.sync_batchnorm else net)

    def mean(self, loss: Tensor) -> Tensor:
        total = loss / self.world_size
        dist.all_reduce(total)
        return total

    def broadcast_object(self, value: Any = None) -> Any:
        """Sends JSON: nothing is unpickled."""
        text = json.dumps(value).encode()
        length = torch.tensor(len(text))
        dist.broadcast(length, 0, self.control_group)
        content = torch.zeros(int(length), dtype=torch.uint8)
        if self.rank == 0:
            content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        dist.broadcast(content, 0, self.control_group)
        return json.loads(content.numpy().tobytes())

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            dist.broadcast(tensor, 0, self.control_group)

    @contextmanager
    def peer_errors(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and "gloo" not in str(error):
                raise
            if self.rank == 0 and self.store.check([ERROR_KEY]):
                raise SpecError(self.store.get(ERROR_KEY).decode()) from None
            raise ConnectionError(f"one of the {self.world_size} processes has gone") from None


def with_sync_batchnorm(net: nn.Module) -> nn.Module:
    """A twin that shares all tensors and normalises by the whole batch. `net` itself keeps its norms, because
    rank 0 evaluates it alone."""
    tensors = [*net.parameters(), *net.buffers()]
    twin = copy.deepcopy(net, {id(tensor): tensor for tensor in tensors})
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(twin)
    return converted


@contextmanager
def join_process_group(*, sync_batchnorm: bool = False) -> Iterator[SingleProcess]:
    """The group of processes that torchrun started; without torchrun, this process alone. With
    `sync_batchnorm`, batch statistics are of the whole batch (PyTorch's SyncBatchNorm, on CUDA)."""
    if not all(name in os.environ for name in TORCHRUN_VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        yield SingleProcess()
        return
    from torch._C._distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, count = next(iter(rendezvous("env://", timeout=TIMEOUT)))
    # After a restart torchrun gives the same store, which still has the dead processes' addresses.
    attempt = f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}"
    store = PrefixStore(attempt, store)
    gpus_for_all = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    backend = "cpu:gloo,cuda:nccl" if gpus_for_all and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=TIMEOUT)
    processes = ProcessGroup(store, sync_batchnorm)
    try:
        yield processes
    except Exception as error:
        if rank and not isinstance(error, ConnectionError):
            store.set(ERROR_KEY, f"process {rank}: {error}")  # rank 0 reports it when the connection breaks
        raise
    else:
        if rank == 0:
            with suppress(RuntimeError):  # a follower may have died
                processes.broadcast_object(None)
    finally:
        dist.destroy_process_group()  # the other processes notice if they still wait
        del processes.control_group
        gc.collect()  # the groups' threads must end before the interpreter does
