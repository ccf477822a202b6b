"""What visitors may see of the server's folders: names, relative to the shelf, and no absolute path."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from test_app_degradation import PLAN, button

from resnet_edu import jobs
from resnet_edu.jobs import private
from resnet_edu.runs import Shelf, answers, files, recorded

pytestmark = pytest.mark.slow  # many pages, half a second each

HOME = Path.home()


@pytest.fixture(params=["runs", "my runs (old)"])
def shelf(request, tmp_path, monkeypatch) -> Shelf:
    """A shelf whose name may hold blanks and brackets."""
    monkeypatch.setenv("RESNET_EDU_RUNS", str(tmp_path / request.param))
    return Shelf()


def everything(at) -> str:
    """All text that the page sends to the browser: elements, tooltips, components, downloads."""
    seen: list[str] = []

    def walk(node) -> None:
        proto = getattr(node, "proto", None)
        if proto is not None:
            seen.append(str(proto))
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(at.main)
    return "\n".join(seen).replace("\\", "")


def assert_no_folder(at, shelf: Shelf) -> str:
    assert not at.exception
    text = everything(at)
    for folder in {shelf.path, shelf.path.parent, recorded().path, recorded().path.parents[1]}:
        assert str(folder) not in text
    return text


def damage(name: str, content: str):
    def do(run) -> None:
        (run.path / name).write_text(content)

    return do


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (damage(files.HOW, "{"), "how.json is damaged"),
        (damage(files.STATUS, "["), "status.json is damaged"),
        (damage(files.STATUS, '{"state": "lost"}'), "state is 'lost'"),
        (damage(files.EVALS, '{"step": 1}\n'), "evals.jsonl is damaged"),
        (lambda run: shutil.rmtree(run.path / "weights"), ""),
    ],
)
@pytest.mark.parametrize("page", ["degradation", "gradients", "lesions", "saliency"])
def test_damaged_runs_are_named_without_their_folder(opened, shelf, trained, no_workers, what, said, page):
    for run in trained():
        what(run)
    text = assert_no_folder(opened(page, **PLAN if page == "degradation" else {}), shelf)
    if page == "degradation":
        assert said in text


def test_what_failed_while_training_is_named_without_its_folder(opened, shelf, trained):
    run = trained()[0]
    message = f"{run.path / files.STEPS} holds 3 of the 7 steps before the checkpoint"
    files.write_json(
        run.path / files.STATUS, {"state": "failed", "step": 3, "seconds": 1, "message": message}
    )
    text = assert_no_folder(opened("degradation", **PLAN), shelf)
    assert f"{run.name}/steps" in text


def test_answers_that_went_wrong_are_named_without_their_folder(opened, shelf, no_workers):
    at = opened("saliency", nets="minute", depth=56)
    others = f"{HOME / '.cache' / 'cifar 10'} and {sys.prefix} neither"
    for name in ("plain-56-digits-s0", "resnet-56-digits-s0"):
        folder = jobs.ask(recorded().find(name), "images", count=24)
        answers.write_error(folder, f"{folder} cannot be read; {others}")
    text = assert_no_folder(at.run(), shelf)
    assert str(HOME) not in text
    assert "cannot be read" in text
    (folder / answers.ANSWER).write_text("{")
    assert_no_folder(at.run(), shelf)


def test_direct_questions_that_went_wrong_are_named_without_a_folder(opened, shelf, no_workers, monkeypatch):
    def ask(*given, **asked):
        raise private.ProbeError(f"{shelf.path / 'x'} is no run: see {Path.cwd() / 'server.log'}")

    monkeypatch.setattr(private, "ask", ask)
    for page, query in (("saliency", {"of": "china"}), ("gradients", {"of": "fresh"})):
        text = assert_no_folder(opened(page, **query), shelf)
        assert "is no run" in text
        assert str(Path.cwd()) not in text


def test_a_shelf_that_cannot_be_used_is_not_named(opened, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESNET_EDU_RUNS", str(tmp_path / "file" / "runs"))
    at = opened("degradation")
    button(at, "Train it here").click().run()
    assert "Not a directory" in assert_no_folder(at, Shelf())
    monkeypatch.setenv("RESNET_EDU_RUNS", str(tmp_path / "file"))
    assert "is no folder" in assert_no_folder(opened("saliency"), Shelf())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{shelf}/a-run/how.json is damaged", "a-run/how.json is damaged"),
        ("[Errno 20] Not a directory: '{shelf}'", "[Errno 20] Not a directory: 'the folder of runs'"),
        ("no space left: /mnt/big disk/x", "no space left: big disk/x"),
        (r"C:\Users\me\runs\a\how.json is damaged", "how.json is damaged"),
        (r"see \\server\share\how.json", "see how.json"),
        (
            "fetch https://example.org/a/b.pth; save it as /home/me/b.pth",
            "fetch https://example.org/a/b.pth; save it as b.pth",
        ),
        (
            "1/2 of the steps, 3 / 4, ∂y/∂x, and/or, ~/x, ./y",
            "1/2 of the steps, 3 / 4, ∂y/∂x, and/or, ~/x, ./y",
        ),
        ("lr is '0,1'; allowed: 0 … 100", "lr is '0,1'; allowed: 0 … 100"),
    ],
)
def test_paths_are_shortened_and_other_text_is_kept(opened, text, shown):
    opened("inside")
    shorten = sys.modules["errors"].without_folders
    assert shorten(text.format(shelf=Shelf().path) if "{shelf}" in text else text) == shown


def test_every_message_of_the_package_goes_through_one_function():
    """No page escapes an error by itself."""
    app = Path(__file__).parents[2] / "app"
    for path in app.rglob("*.py"):
        if path.name not in ("errors.py", "url_state.py"):  # which show what an address says, and no file
            assert 'escaped(f"{error}' not in path.read_text("utf-8"), path


def test_a_server_without_a_home_or_a_folder_still_says_what_is_wrong(opened, monkeypatch, tmp_path):
    opened("inside")
    errors = sys.modules["errors"]
    gone = tmp_path / "gone"
    gone.mkdir()
    before = Path.cwd()
    os.chdir(gone)
    try:
        gone.rmdir()
        assert errors.without_folders("/a/b is damaged") == "b is damaged"
    finally:
        os.chdir(before)
