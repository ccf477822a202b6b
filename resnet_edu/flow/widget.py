"""The picture in JupyterLab, as an anywidget; `pip install "resnet-edu[lab]"` brings that package."""

from __future__ import annotations

from functools import cache
from typing import Any

from resnet_edu.flow.bundle import script, style
from resnet_edu.flow.contract import FlowData


def widget(data: FlowData, state: str = "") -> Any:
    """A widget that draws `data`; `state` is a query such as 'q=activation&step=15'.

    Setting `widget.data` to more steps of the same runs goes on in the same picture. `widget.state` is
    the reader's present view, brought up to date whenever the player rests.
    """
    return _widget_class()(data=data, state=state)


@cache
def _widget_class() -> type:
    import anywidget
    import traitlets

    class FlowWidget(anywidget.AnyWidget):
        """Traits: `data`, what is drawn; `state`, the view as a query."""

        _esm = script("anywidget")
        _css = style()
        data = traitlets.Dict().tag(sync=True)
        state = traitlets.Unicode("").tag(sync=True)

    return FlowWidget
