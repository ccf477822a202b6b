"""Named data sets as uint8 tensors on the device; augmentation and order by the batch.

    data = load(Digits(), device)                                       # a DataSet
    chosen = batch_indices(step, batch, len(data.train_labels), seed)   # int64 [batch]
    images = normalise(data.train_images[chosen], data)                 # float32 [batch, C, H, W]
    images = augment(images, generator_for(seed, "augmentation", step))

For photographs that stay on disk `load` returns a `StreamedSet`, which decodes each step's images. `status`,
`download`, `fingerprint` and `resolve` need no torch, so everything else is imported at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resnet_edu.data.files import (
    DataStatus,
    data_root,
    download,
    looks_present,
    status,
    with_local_folder,
)
from resnet_edu.experiment.folder import DataMissing, fingerprint, resolve

if TYPE_CHECKING:
    from resnet_edu.data.augmentation import apply_augmentation, augment, draw_augmentation
    from resnet_edu.data.dataset import DataSet, Images, normalise
    from resnet_edu.data.loading import load
    from resnet_edu.data.order import batch_indices
    from resnet_edu.data.shipped import without_images
    from resnet_edu.data.streaming import StreamedSet

_LAZY = {
    "DataSet": "dataset",
    "Images": "dataset",
    "StreamedSet": "streaming",
    "apply_augmentation": "augmentation",
    "augment": "augmentation",
    "batch_indices": "order",
    "draw_augmentation": "augmentation",
    "load": "loading",
    "normalise": "dataset",
    "without_images": "shipped",
}

__all__ = [
    "DataMissing",
    "DataSet",
    "DataStatus",
    "Images",
    "StreamedSet",
    "apply_augmentation",
    "augment",
    "batch_indices",
    "data_root",
    "download",
    "draw_augmentation",
    "fingerprint",
    "load",
    "looks_present",
    "normalise",
    "resolve",
    "status",
    "with_local_folder",
    "without_images",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
