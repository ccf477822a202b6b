"""One bit of each file of a trained run is flipped, 1,000 times: the right numbers, or the file's name."""

from __future__ import annotations

import os

import pytest
from damage import check_flips, everything, resumed

from resnet_edu.runs import ComputeRequest, RecordingConfig, Run, Shelf
from resnet_edu.workers.answer import answer_run
from resnet_edu.workers.train import train_run

pytestmark = pytest.mark.soak

FLIPS = int(os.environ.get("RESNET_EDU_SOAK_FLIPS", "1000"))
"""In each file."""
REQUEST = ComputeRequest(recording=RecordingConfig(every_step=True, keep_weights=3))


@pytest.fixture
def run(tiny, tmp_path) -> Run:
    return Shelf(tmp_path / "shelf").get_or_create(tiny(steps=12))


def test_flips_in_a_finished_run(run):
    assert train_run(run, REQUEST) == "done"
    answer_run(run, "lesions", {"images": 32})
    found = check_flips(run, everything, FLIPS)
    assert {"steps.jsonl", "evals.jsonl", "blocks.jsonl", "layers.f32", "answer.npz"} <= set(found)
    print(f"\n{FLIPS} flips in each file; found: {found}")


def test_flips_in_a_stopped_run(run):
    seen: list[int] = []
    state = train_run(
        run,
        REQUEST,
        on_chunk=lambda chunk: seen.append(chunk.step),
        should_continue=lambda: seen[-1] < 7,
    )
    assert state == "stopped"
    found = check_flips(run, resumed, FLIPS)
    assert found["checkpoint.safetensors"] > 0.9 * FLIPS
    print(f"\n{FLIPS} flips in each file; found: {found}")
