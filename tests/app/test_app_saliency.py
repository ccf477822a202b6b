"""What does the net look at: with answers written by hand; and that no page imports torch."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from resnet_edu import jobs, pictures
from resnet_edu.jobs import private, queue
from resnet_edu.methods import METHODS
from resnet_edu.runs import Shelf, answers, files, recorded

pytestmark = pytest.mark.slow

MAIN = Path(__file__).parents[2] / "app" / "main.py"
NAMES = [str(i) for i in range(10)]


def twins(depth: int = 56):
    runs = {run.name[: run.name.index("-s")]: run for run in recorded().runs() if run.experiment.seed == 0}
    return [runs[f"{kind}-{depth}-digits"] for kind in ("plain", "resnet")]


def answer(run, probe: str, facts: dict, arrays: dict | None = None, **arguments) -> None:
    folder = jobs.ask(run, probe, **arguments)
    files.write_arrays(folder / "answer.npz", {"image": np.zeros((1, 8, 8), np.uint8)} | (arrays or {}))
    files.write_json(folder / answers.ANSWER, {"class_names": NAMES} | facts)


@pytest.fixture
def strip(no_workers) -> None:
    for run, guess in zip(twins(), (5, 7), strict=True):
        images = {"images": np.zeros((24, 1, 8, 8), np.uint8)}
        answer(run, "images", {"labels": list(range(10)) * 3, "predicted": [guess] * 30}, images, count=24)


def facts_of(target: int, image: int | None = 0) -> dict:
    said = {"label": image, "target": target, "predicted": 5, "probabilities": [0.25] * 4}
    return said | {"class_names": NAMES, "completeness_error": 0.004}


def answer_maps(method="saliency", image=0, targets=(0, 0), depth=56, **more) -> None:
    for run, target in zip(twins(depth), targets, strict=True):
        asked = {"image": image, "method": method, "target": target, **more}
        answer(run, "saliency", facts_of(target, image), {"map": np.full((1, 8, 8), 0.5)}, **asked)


def answer_trust(method="saliency") -> None:
    for run in twins():
        asked = {"image": 0, "target": 0}
        answer(run, "trust", {"infidelity": 0.25, "sensitivity": None}, method=method, **asked)
        stages = {"correlation": np.full((3, 2), 0.5)}
        answer(run, "sanity", {"after": ["head", "stem"]}, stages, method=method, **asked)
        shares = {"branch": np.ones(27), "shortcut": np.ones(27)}
        answer(run, "unit_shares", {"difference": 2.0, "units": ["a"] * 27}, shares, **asked)
    for depth in (8, 20, 56):
        for run in twins(depth):
            for step in (0, run.weight_steps()[-1]):
                answer(run, "smoothness", {"mean": 0.5, "sd": 0.1}, step=step)


def said(elements) -> str:
    return " ".join(each.value for each in elements).replace("\\", "")


def charts(at) -> list[str]:
    return [chart.proto.id for chart in at.get("plotly_chart")]


def test_until_a_worker_answers_the_page_waits(opened, no_workers):
    at = opened("saliency")
    assert not at.exception
    assert "about ten seconds the first time" in at.status[0].label
    assert len(queue.pending(Shelf())) == 2


def test_both_maps_are_drawn_with_what_the_method_cannot_tell(opened, strip):
    answer_maps()
    at = opened("saliency")
    assert not at.exception
    assert not at.error
    assert len(charts(at)) == 1
    assert METHODS["saliency"].cannot_tell in said(at.markdown)
    assert "one colour scale" in said(at.caption)


def test_what_the_map_is_worth_stands_below_it(opened, strip):
    answer_maps()
    answer_trust()
    at = opened("saliency")
    assert not at.exception
    assert len(charts(at)) == 4
    assert [metric.value for metric in at.metric] == ["0.25", "0.25", "not defined", "not defined"]
    assert "Adebayo 2018" in said(at.caption)


def test_methods_stand_in_a_row_each_in_the_order_of_the_list(opened, strip):
    answer_maps()
    answer_maps("integrated_gradients")
    at = opened("saliency", methods="integrated_gradients,saliency")
    assert len(charts(at)) == 2
    assert said(at.markdown).index("|∂ score / ∂ pixel|") < said(at.markdown).index("Integrated Gradients")


def test_depths_stand_in_a_row_each(opened, strip):
    for depth in (8, 20, 56):
        answer_maps(depth=depth)
    at = opened("saliency", rows="depths")
    assert len(charts(at)) == 3
    assert "8 layers" in said(at.markdown)
    assert said(at.markdown).count(METHODS["saliency"].cannot_tell) == 1
    assert "each row has its own" in said(at.caption)


def test_training_steps_stand_in_a_row_each(opened, strip):
    last = twins()[0].weight_steps()[-1]
    for step in (0, last):
        answer_maps(step=step)
    at = opened("saliency", rows="steps")
    assert len(charts(at)) == 2
    assert "after 0 steps" in said(at.markdown)
    assert f"after {last:,} steps" in said(at.markdown)


def test_a_method_that_looks_at_a_unit_asks_for_the_one_chosen(opened, strip):
    answer_maps("grad_cam", unit="stages.1.0")
    at = opened("saliency", methods="grad_cam", unit="stages.1.0")
    assert at.selectbox(key="url-unit").value == "stages.1.0"
    assert len(charts(at)) == 1


def test_the_maps_before_stay_until_the_next_have_come(opened, strip):
    answer_maps()
    at = opened("saliency")
    at.query_params["image"] = "1"
    at.run()
    assert "about ten seconds" in at.status[0].label
    assert len(charts(at)) == 1


def test_integrated_gradients_say_how_complete_they_are(opened, strip):
    answer_maps("integrated_gradients", image=3, targets=(5, 7))
    at = opened("saliency", methods="integrated_gradients", image=3, target="predicted")
    assert len(charts(at)) == 1
    assert "within 0.4 %" in said(at.markdown)


def test_an_error_from_the_worker_is_a_sentence(opened, no_workers):
    for run in twins():
        answer(run, "images", {"error": "cifar-10 is not here"}, count=24)
    at = opened("saliency")
    assert said(at.error) == "cifar-10 is not here."
    assert not at.exception


@pytest.fixture
def asked(monkeypatch) -> list:
    """What is asked over the pipe; answered at once."""
    questions = []

    def ask(source, probe, *, pixels, **arguments):
        questions.append((str(getattr(source, "name", source)), probe, pixels.shape, arguments))
        if probe != "saliency":
            raise private.ProbeError("not asked here")
        facts = facts_of(3, None) | {"completeness_error": None}
        return facts, {"image": pixels, "map": np.full((1, *pixels.shape[1:]), 0.5)}

    monkeypatch.setattr(private, "ask", ask)
    return questions


def test_a_photograph_is_asked_over_the_pipe_and_leaves_nothing_on_disk(opened, no_workers, asked):
    at = opened("saliency", of="china")
    assert not at.exception
    assert len(charts(at)) == 1
    assert {shape for _, _, shape, _ in asked} == {(1, 8, 8)}
    assert "has only ever seen handwritten digits" in said(at.caption)
    assert [job.probe for job in queue.pending(Shelf())] == ["smoothness"] * 12


def test_a_photograph_is_shown_with_whom_to_thank_and_its_absence_in_a_sentence(
    opened, no_workers, asked, monkeypatch
):
    assert "CC BY 2.0" in said(opened("saliency", of="flower").caption)

    def missing(name):
        raise pictures.PictureError("flower.jpg is missing")

    monkeypatch.setattr(pictures, "photograph", missing)
    assert said(opened("saliency", of="flower").error) == "flower.jpg is missing."


def test_an_error_over_the_pipe_is_not_kept(opened, no_workers, asked, monkeypatch):
    answering = private.ask

    def ask(*given, **more):
        raise private.ProbeError("no answer within 60 seconds")

    monkeypatch.setattr(private, "ask", ask)
    at = opened("saliency", of="flower", methods="occlusion")
    assert "no answer within 60 seconds" in said(at.error)
    monkeypatch.setattr(private, "ask", answering)
    assert "no answer within 60 seconds" not in said(at.run().error)
    assert len(charts(at)) == 1


def test_nothing_stands_above_the_title(opened, strip):
    """Streamlit shows whatever expression stands alone in a page's file."""
    answer_maps()
    at = opened("saliency")
    assert said(at.markdown).startswith(METHODS["saliency"].title.join(["## ", " "]))


def test_torchvision_s_nets_stand_alone(opened, no_workers, asked):
    at = opened("saliency", nets="torchvision", depth=18, methods="saliency,deep_lift")
    assert not at.exception
    assert not [field for field in at.get("button_group") if field.key == "url-rows"]  # they have no rows
    assert [(name, shape) for name, _, shape, _ in asked] == [("torchvision:resnet-18", (3, 224, 224))] * 2
    assert len(charts(at)) == 2


def test_weights_that_cannot_be_had_are_a_sentence(opened, no_workers, monkeypatch):
    tried = []

    def ask(*given, method, **asked):
        tried.append(method)
        raise private.ProbeError("resnet-50's weights are not here, and there is no network")

    monkeypatch.setattr(private, "ask", ask)
    at = opened("saliency", nets="torchvision", of="flower", methods="saliency,occlusion")
    assert "resnet-50's weights are not here" in said(at.error)
    assert tried == ["saliency"]  # nobody waits for each method to find no network
    assert not at.exception


def png(side: int = 20) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [(png(), ""), (b"GIF89a" + bytes(50), "mine.png: the file is a GIF"), (b"", "empty")],
)
def test_an_own_picture_is_shown_or_refused_in_a_sentence(opened, no_workers, asked, content, words):
    at = opened("saliency", of="own")
    at.file_uploader[0].set_value(("mine.png", content, "image/png")).run()
    assert not at.exception
    assert len(charts(at)) == (0 if words else 1)
    assert words in said(at.error)


@pytest.mark.parametrize(
    "name", ["<img src=x>&amp;.png", "a\n# b.png", "../../etc/passwd.png", f"{300 * 'x'}.png"]
)
def test_a_file_s_name_is_text(opened, no_workers, asked, name):
    at = opened("saliency", of="own")
    at.file_uploader[0].set_value((name, b"GIF89a", "image/png")).run()
    assert not at.exception
    shown = at.error[0].value
    assert "the file is a GIF" in shown
    assert "\n" not in shown
    assert len(shown) < 250
    assert "<img" not in shown.replace("\\<", "")


def test_no_upload_goes_through_a_file_on_its_way(opened, no_workers, asked):
    """Streamlit's server would put what is over 1 MB into a temporary one."""
    opened("saliency", of="own")
    content = bytes(pictures.MOST_BYTES)
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.png"\r\n\r\n'
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    sent = iter([head, content, b"\r\n--x--\r\n"])

    async def receive():
        part = next(sent, b"")
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def stays_in_memory():
        async with Request({"type": "http", "method": "PUT", "headers": headers}, receive).form() as form:
            assert form["f"].size == len(content)
            return form["f"]._in_memory

    assert asyncio.run(stays_in_memory())


@pytest.mark.parametrize(
    ("name", "value"), [("nets", "https://evil.example"), ("of", "www.evil.example"), ("x", "a@evil.example")]
)
def test_somebody_else_s_address_makes_no_link(opened, strip, name, value):
    at = opened("saliency", **{name: value})
    parts = [part for part in ("//", "www", "@") if part in value]
    assert all(f"{part}\u200b" in at.warning[0].value for part in parts)


def test_of_a_hundred_unknown_parameters_few_are_told(opened, strip):
    at = opened("saliency", **{f"x{i}": i for i in range(100)})
    assert [f"'x{i}'" in said(at.warning[i : i + 1]) for i in range(5)] == [True] * 5
    assert "95 more are not known" in said(at.warning)
    assert len(at.warning) == 6


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("nets", "mine", "torchvision"),
        ("depth", "9", "8, 20, 56"),
        ("seed", "7", "0"),
        ("image", "24", "0, 1, 2"),
        ("target", "10", "true, predicted, 0"),
        ("methods", "gaze", "saliency, input_x_gradient"),
        ("of", "mine", "test, china, flower, own"),
        ("rows", "nets", "methods, depths, steps"),
        ("over", "1", "no, yes"),
        ("unit", "stages.3.0", "stages.0.0"),
    ],
)
def test_a_bad_url_is_named_and_the_default_used(opened, strip, name, value, allowed):
    for depth in (20, 56):  # a bad depth falls back to 20 layers
        answer_maps(depth=depth)
    if name == "depth":
        for run in twins(20):
            images = {"images": np.zeros((24, 1, 8, 8), np.uint8)}
            answer(run, "images", {"labels": list(range(10)) * 3, "predicted": [5] * 30}, images, count=24)
    at = opened("saliency", **{name: value})
    assert not at.exception
    assert len(charts(at)) == (name != "nets"), "the nets of the default have no answers here"
    message = said(at.warning)
    assert f"{name} is '{value}'" in message
    assert allowed in message


def test_runs_trained_here_can_be_asked(opened, trained, no_workers):
    trained()
    words = opened("saliency").selectbox(key="url-nets").options
    assert any(each.startswith("trained here: Digits, 12 steps, ") for each in words)


def test_no_page_imports_torch():
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"at = AppTest.from_file({str(MAIN)!r}, default_timeout=60).run()\n"
        "assert not at.exception and at.title\n"
        "for page in ('inside', 'lesions', 'paths', 'saliency'):\n"
        "    at.switch_page(f'questions/{page}.py').run()\n"
        "    assert not at.exception and at.title\n"
        "print(sorted({'torch', 'torchvision', 'captum'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
