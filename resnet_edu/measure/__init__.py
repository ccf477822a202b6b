"""Measurements on a net at one moment: errors, norms, gradients, activations, Jacobians."""

from resnet_edu.measure.activations import Activations, relu_activations
from resnet_edu.measure.blocks import (
    NEARBY,
    BlockGradients,
    ExampleCorrelations,
    block_gradients,
    example_correlations,
)
from resnet_edu.measure.errors import Errors, errors, preserve_bn_stats, ten_crop_error
from resnet_edu.measure.jacobians import jvp_squared_norms
from resnet_edu.measure.norms import layer_norms
from resnet_edu.measure.profile import GradientProfile, gradient_profile, profile_columns

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
    "jvp_squared_norms",
    "layer_norms",
    "preserve_bn_stats",
    "profile_columns",
    "relu_activations",
    "ten_crop_error",
]
