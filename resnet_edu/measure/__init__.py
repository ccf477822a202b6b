"""What can be measured on a net at one moment."""

from resnet_edu.measure.blocks import BlockGradients, block_gradients
from resnet_edu.measure.errors import Errors, errors, kept_statistics, ten_crop_error
from resnet_edu.measure.norms import layer_norms

__all__ = [
    "BlockGradients",
    "Errors",
    "block_gradients",
    "errors",
    "kept_statistics",
    "layer_norms",
    "ten_crop_error",
]
