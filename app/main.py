"""`streamlit run app/main.py`: one question a page. The app imports no torch: workers train and answer."""

from __future__ import annotations

import gc

import errors
import presentation
import probe_client
import streamlit as st
import url_state

# Streamlit reports a theme change late, so axis text uses `currentColor`.
STYLE = """<style>
.stAppHeader { background: none; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stMainBlockContainer { padding: 0.9rem 2.5rem 3rem; max-width: 1900px; }
.stMainBlockContainer .stVerticalBlock { gap: 0.7rem; }
.js-plotly-plot :is(.xtick, .ytick, .cbaxis) text { fill: currentColor !important; }
.js-plotly-plot :is(.xtitle, .ytitle, .cbtitle, .legendtext) { fill: currentColor !important; }
h1 { padding: 0.2rem 0 0.6rem !important; }
.st-key-beside { margin-top: -0.6rem; }
h2, h3 { padding: 0.4rem 0 0.35rem !important; }
:is(h2, h3) .stMarkdownColoredText { font-weight: 400; }
.st-key-trust h2 { font-size: 1.4rem; }
[data-testid=stCaptionContainer] { opacity: 0.8 !important; }
button[kind=primary] { background-color: #0072B2 !important; border-color: #0072B2 !important; }
button[kind=primary]:disabled { opacity: 0.6; }
.js-plotly-plot:not(:hover) .modebar { visibility: hidden; }
.st-key-url-image button { height: auto; min-height: 0; padding: 0.2rem; border-radius: 0.3rem; }
.st-key-url-image img { height: 2.1rem; max-height: none; image-rendering: pixelated; vertical-align: top; }
@media (max-height: 640px) and (min-width: 641px) {
  .stMainBlockContainer { padding: 0.2rem 1.5rem 2rem; }
  .stMainBlockContainer .stVerticalBlock { gap: 0.35rem; }
  .st-key-pages { gap: 0.1rem; padding-right: 2rem; }
  .st-key-pages a { padding: 0.1rem 0.3rem; }
  .st-key-pages a * { font-size: 0.76rem; }
  h1 { font-size: 1.35rem !important; padding: 0 !important; }
}
.st-key-starts .stButton button { padding: 0.15rem 0.7rem; min-height: 2.2rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 0.9rem 1rem 2rem; }
  .st-key-heatmaps, [class*=st-key-maps-] { overflow-x: auto; }
  .st-key-heatmaps > div, [class*=st-key-maps-] > div { min-width: 44rem; }
}
</style>"""


@st.cache_resource(show_spinner=False)
def freeze_gc() -> None:
    """Exclude imported modules from garbage collection, which Streamlit runs after every rerun."""
    import live  # noqa: F401  imports most modules

    gc.collect()
    gc.freeze()


st.html(STYLE)
freeze_gc()
pages = [
    st.Page("questions/degradation.py", title="Does a deeper net train worse?", default=True),
    st.Page("questions/gradients.py", title="Where does the gradient go?"),
    st.Page("questions/inside.py", title="What is inside?"),
    st.Page("questions/lesions.py", title="What if a unit is missing?"),
    st.Page("questions/paths.py", title="What do its paths carry?"),
    st.Page("questions/saliency.py", title="What does the net look at?"),
]
chosen = st.navigation(pages, position="hidden")
st.set_page_config(f"{chosen.title} – resnet-edu", layout="wide")
url_state.page_links(pages, chosen)
presentation.begin()
probe_client.reset_errors()
with errors.show_errors():
    chosen.run()
presentation.end()
