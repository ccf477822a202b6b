"""What can be measured on a net at one moment."""

from resnet_edu.measure.activations import Activations, relu_activations
from resnet_edu.measure.blocks import (
    NEARBY,
    BlockGradients,
    ExampleCorrelations,
    block_gradients,
    example_correlations,
)
from resnet_edu.measure.errors import Errors, errors, kept_statistics, ten_crop_error
from resnet_edu.measure.jacobians import pushed
from resnet_edu.measure.norms import layer_norms
from resnet_edu.measure.profile import GradientProfile, gradient_profile

__all__ = [
    "NEARBY",
    "Activations",
    "BlockGradients",
    "Errors",
    "ExampleCorrelations",
    "GradientProfile",
    "block_gradients",
    "errors",
    "example_correlations",
    "gradient_profile",
    "kept_statistics",
    "layer_norms",
    "pushed",
    "relu_activations",
    "ten_crop_error",
]
