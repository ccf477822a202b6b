"""The second page, with answers written by hand; and that neither page imports torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from resnet_edu import jobs
from resnet_edu.runs import files, recorded

MAIN = Path(__file__).parents[2] / "app" / "main.py"
NAMES = [str(i) for i in range(10)]


def twins(depth: int = 56):
    runs = {run.name[: run.name.index("-s")]: run for run in recorded().runs() if run.experiment.seed == 0}
    return [runs[f"{kind}-{depth}-digits"] for kind in ("plain", "resnet")]


def answer(run, probe: str, facts: dict, **arguments) -> None:
    folder = jobs.ask(run, probe, **arguments)
    pixels = np.zeros((1, 8, 8))
    arrays = {
        "images": np.zeros((24, 1, 8, 8), np.uint8),
        "image": pixels.astype(np.uint8),
        "map": pixels + 0.5,
    }
    files.write_arrays(folder / "answer.npz", arrays)
    files.write_json(folder / jobs.ANSWER, {"class_names": NAMES} | facts)


@pytest.fixture
def strip(no_workers) -> None:
    for run, guess in zip(twins(), (5, 7), strict=True):
        answer(run, "images", {"labels": list(range(10)) * 3, "predicted": [guess] * 30}, count=24)


def answer_maps(method: str = "saliency", image: int = 0, targets: tuple[int, int] = (0, 0)) -> None:
    for run, target in zip(twins(), targets, strict=True):
        facts = {
            "method": method,
            "label": image,
            "target": target,
            "predicted": 5,
            "completeness_error": 0.004,
        }
        facts["probabilities"] = [0.25] * 4
        answer(run, "saliency", facts, image=image, method=method, target=target)


def said(elements) -> str:
    return " ".join(each.value for each in elements)


def test_until_a_worker_answers_the_page_waits(opened, no_workers):
    at = opened("saliency")
    assert not at.exception
    assert "about ten seconds the first time" in at.status[0].label
    assert len(jobs.wishes(jobs.Shelf())) == 2


def test_both_maps_are_drawn(opened, strip):
    answer_maps()
    at = opened("saliency")
    assert not at.exception
    assert not at.error
    assert len(at.get("plotly_chart")) == 1
    assert "cannot tell" in said(at.markdown)
    assert "one colour scale" in said(at.markdown)


def test_the_maps_before_stay_until_the_next_have_come(opened, strip):
    answer_maps()
    at = opened("saliency")
    at.query_params["image"] = "1"
    at.run()
    assert "about ten seconds" in at.status[0].label
    assert "the maps before" in said(at.caption)
    assert len(at.get("plotly_chart")) == 1


def test_integrated_gradients_say_how_complete_they_are(opened, strip):
    answer_maps("integrated_gradients", image=3, targets=(5, 7))
    at = opened("saliency", method="integrated_gradients", image=3, target="predicted")
    assert len(at.get("plotly_chart")) == 1
    assert "within 0.4 %" in said(at.markdown)


def test_an_error_from_the_worker_is_a_sentence(opened, no_workers):
    for run in twins():
        answer(run, "images", {"error": "cifar-10 is not here"}, count=24)
    at = opened("saliency")
    assert said(at.error) == "cifar-10 is not here."
    assert not at.exception


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("nets", "mine", "minute"),
        ("depth", "9", "8, 20, 56"),
        ("seed", "7", "0"),
        ("image", "24", "0, 1, 2"),
        ("target", "10", "true, predicted, 0"),
        ("method", "gaze", "saliency, integrated_gradients"),
    ],
)
def test_a_bad_url_is_named_and_the_default_used(opened, strip, name, value, allowed):
    answer_maps()
    at = opened("saliency", **{name: value})
    assert len(at.get("plotly_chart")) == 1
    message = said(at.warning).replace("\\", "")
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
        "for page in ('inside', 'lesions', 'saliency'):\n"
        "    at.switch_page(f'questions/{page}.py').run()\n"
        "    assert not at.exception and at.title\n"
        "print(sorted({'torch', 'torchvision', 'captum'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
