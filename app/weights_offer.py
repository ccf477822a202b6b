"""torchvision's weights: a page offers to fetch them, and says how that goes. Only a click downloads."""

from __future__ import annotations

import streamlit as st
from errors import sentence, show_errors

from resnet_edu.jobs import downloads

POLL_SECONDS = 1.0


def offer(net: str) -> None:
    """For 'resnet-50' and its like, whose weights are not on this machine."""
    if downloads.running(net):
        st.fragment(_wait, run_every=POLL_SECONDS)(net)
        return
    if error := downloads.error(net):
        st.error(sentence(error))
    st.info(f"The weights of torchvision's {net} are not on this machine.")
    if st.button(f"Download them: {downloads.MEGABYTES[net]} MB", icon=":material/download:"):
        downloads.start(net)
        st.rerun()


@show_errors()
def _wait(net: str) -> None:
    if not downloads.running(net):
        st.rerun()
    st.status(f"Downloading the weights of {net} …", state="running")
