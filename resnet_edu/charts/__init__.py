"""Plotly figures of tables: plain is dashed vermillion, residual solid blue, on light and dark pages.

Show a figure with `fig.show(config=charts.config())`. No torch here.
"""

from resnet_edu.charts.curves import loss_curves
from resnet_edu.charts.depths import error_by_depth
from resnet_edu.charts.heatmaps import gradient_heatmap, twin_heatmaps
from resnet_edu.charts.layers import layer_norms
from resnet_edu.charts.lesions import error_by_lesions, error_by_order, lesion_errors
from resnet_edu.charts.nets import net_drawing
from resnet_edu.charts.paths import path_lengths, unit_contributions
from resnet_edu.charts.saliency import saliency_maps
from resnet_edu.charts.statistics import by_depth
from resnet_edu.charts.style import config
from resnet_edu.charts.surface import loss_lines, loss_planes
from resnet_edu.charts.thin import thin
from resnet_edu.charts.trust import sanity_curves, shattered_gradients, unit_shares
from resnet_edu.charts.unit_surgery import lesion_bench
from resnet_edu.charts.units import main_rows, part_drawing

__all__ = [
    "by_depth",
    "config",
    "error_by_depth",
    "error_by_lesions",
    "error_by_order",
    "gradient_heatmap",
    "layer_norms",
    "lesion_bench",
    "lesion_errors",
    "loss_curves",
    "loss_lines",
    "loss_planes",
    "main_rows",
    "net_drawing",
    "part_drawing",
    "path_lengths",
    "saliency_maps",
    "sanity_curves",
    "shattered_gradients",
    "thin",
    "twin_heatmaps",
    "unit_contributions",
    "unit_shares",
]
