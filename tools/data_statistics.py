"""Writes the statistics of data sets whose images may not ship: `python tools/data_statistics.py`.

It needs the data sets themselves. What is written is the mean image, one number for the scale, and the
names of the classes.
"""

from __future__ import annotations

import json

from safetensors.torch import save_file

from resnet_edu import data
from resnet_edu.data.shipped import FILE, SHIPPED, name_of


def main() -> None:
    tensors, metadata = {}, {}
    for spec in SHIPPED:
        images = data.load(spec)
        tensors[name_of(spec)] = images.mean
        facts = {"scale": images.scale, "class_names": images.class_names}
        metadata[name_of(spec)] = json.dumps(facts)
    save_file(tensors, FILE, metadata)


if __name__ == "__main__":
    main()
