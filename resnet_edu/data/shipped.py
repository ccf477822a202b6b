"""What a net trained on CIFAR-10 expects of a picture, for a machine that does not have CIFAR-10.

A net needs its data set's mean, scale and class names to look at any picture. Those of the data sets that
recorded nets were trained on ship as `statistics.safetensors`; the images may not.
`python tools/data_statistics.py` writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from resnet_edu.data.dataset import DataSet
from resnet_edu.experiment import Cifar10, Data
from resnet_edu.experiment.folder import DataMissing

FILE = Path(__file__).with_name("statistics.safetensors")
SHIPPED = (Cifar10(), Cifar10(train=5000, side=16))


def without_images(spec: Data) -> DataSet:
    """A `DataSet` of no images: only their size, mean, scale and class names.

    Raises `DataMissing` where these do not ship with the package.
    """
    from safetensors import safe_open

    if spec not in SHIPPED:
        raise DataMissing(f"{spec.kind}: neither the images nor their statistics are on this machine")
    with safe_open(FILE, "pt") as file:
        mean, facts = file.get_tensor(name_of(spec)), json.loads(file.metadata()[name_of(spec)])
    none, labels = torch.empty(0, *mean.shape, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    return DataSet(none, labels, none, labels, tuple(facts["class_names"]), mean, facts["scale"])


def name_of(spec: Data) -> str:
    """What the statistics of this data set are called in the file."""
    return json.dumps(spec.to_dict(), sort_keys=True)
