"""Answers of probes made up by hand, plain arithmetic, so that a test knows every number."""

from __future__ import annotations

from resnet_edu.flow.contract import Dial, FlowData, NetData, NetUpdate, Update

ALPHAS = [0.0, 0.25, 0.5, 0.75, 1.0]


def update(data: FlowData, step: int = 0) -> Update:
    """Unit i has ‖x‖ = i + 2 forward, and a gradient of (i + 1) / 8 backward; the cosine is ½."""
    return {"step": step, "images": 64, "lr": 0.1, "nets": [_net_update(net) for net in data["nets"]]}


def dial(data: FlowData) -> Dial:
    """At α every gradient is 1 + α, every correlation and the loss 1 − α / 2, and the error 90 − 80 α %."""
    net = next(net for net in data["nets"] if net["kind"] == "residual")
    units = sum(block["kind"] == "unit" for block in net["blocks"])
    return {
        "run": net["run"],
        "step": 0,
        "units": [],
        "images": 512,
        "alphas": ALPHAS,
        "weight_gradient": [[1 + alpha] * len(net["layers"]) for alpha in ALPHAS],
        "activation_gradient": [[1 + alpha] * units for alpha in ALPHAS],
        "correlation": [[1 - alpha / 2] * units for alpha in ALPHAS],
        "error": [90 - 80 * alpha for alpha in ALPHAS],
        "loss": [1 - alpha / 2 for alpha in ALPHAS],
    }


def _net_update(net: NetData) -> NetUpdate:
    plain = net["kind"] == "plain"
    names = [block["name"] for block in net["blocks"] if block["kind"] == "unit"]
    return {
        "run": net["run"],
        "loss": 2.25,
        "loss_after": 2.125,
        "forward": [
            {"name": name, "x": i + 2, "branch": 1.5, "shortcut": None if plain else i + 2, "y": i + 3}
            for i, name in enumerate(names)
        ],
        "backward": [
            {
                "name": name,
                "y": (i + 2) / 8,
                "plus": (i + 2) / 8,
                "shortcut": None if plain else (i + 2) / 8,
                "branch": 0.25,
                "cosine": None if plain else 0.5,
                "x": (i + 1) / 8,
            }
            for i, name in enumerate(names)
        ],
        "weights": [
            {"name": layer["name"], "gradient": 0.5, "weight": 4.0, "update": 0.004}
            for layer in net["layers"]
        ],
    }
