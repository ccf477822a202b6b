"""Limits on fresh nets, which a probe builds only to measure them: a query can come from a URL."""

from __future__ import annotations

from resnet_edu.anatomy import parts
from resnet_edu.data import DataSet
from resnet_edu.experiment import Net, name_of
from resnet_edu.experiment.spec import SpecError

MOST_PARAMETERS = 30_000_000
MOST_MACS = 500_000_000  # an image


def image_sizes(data: DataSet) -> dict[str, int]:
    """What `nets.build` and `anatomy.parts` must know of the images."""
    return {"channels": data.channels, "side": data.side, "classes": data.classes}


def check_size(net: Net, data: DataSet) -> None:
    """Raises `SpecError` for a net that would take a worker too long, or too much memory."""
    found = parts(net, **image_sizes(data))
    parameters, macs = sum(each.parameters for each in found), sum(each.macs for each in found)
    smaller = "make it shallower or narrower, or its images smaller"
    if parameters > MOST_PARAMETERS:
        raise SpecError(
            f"{name_of(net)} has {parameters / 1e6:,.0f} million parameters; a fresh net may have "
            f"{MOST_PARAMETERS / 1e6:,.0f} million: {smaller}"
        )
    if macs > MOST_MACS:
        raise SpecError(
            f"{name_of(net)} takes {macs / 1e6:,.0f} million multiply-adds an image; a fresh net may take "
            f"{MOST_MACS / 1e6:,.0f} million: {smaller}"
        )
