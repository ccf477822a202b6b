"""Where runs lie, and which of them is meant."""

import dataclasses
from pathlib import Path

import pytest

from resnet_edu.experiment import Experiment
from resnet_edu.runs import RunError, RunWriter, Shelf, default_shelf, files, recorded


def test_an_experiment_has_one_place(shelf, tiny):
    run = shelf.get_or_create(tiny())
    assert run.path == shelf.path / tiny().name
    assert run.experiment == tiny()
    (run.path / files.STATUS).write_text('{"state": "stopped"}')
    assert shelf.get_or_create(tiny()).status().state == "stopped", "what lies there is left alone"
    assert len(shelf.runs()) == 1


def test_again_makes_another_attempt(shelf, tiny):
    attempts = [shelf.get_or_create(tiny(), again=again) for again in (True, True, False, True)]
    name = tiny().name
    assert [run.name for run in attempts] == [name, f"{name}~2", f"{name}~2", f"{name}~3"]
    assert [run.name for run in shelf.attempts(tiny())] == [name, f"{name}~2", f"{name}~3"]
    assert shelf.latest(tiny()).name == f"{name}~3"


def test_the_tenth_attempt_comes_after_the_ninth(shelf, tiny):
    for _ in range(11):
        shelf.get_or_create(tiny(), again=True)
    assert shelf.latest(tiny()).name.endswith("~11")
    shelf.remove(shelf.find(f"{tiny().name}~4"))
    assert shelf.get_or_create(tiny(), again=True).name.endswith("~12"), "no name is used twice"


def test_attempts_are_of_exactly_this_experiment(shelf, tiny):
    shelf.get_or_create(tiny())
    assert shelf.attempts(tiny(seed=1)) == []
    assert shelf.latest(tiny(seed=1)) is None
    assert Shelf(shelf.path / "nowhere").attempts(tiny()) == []


def test_folders_that_are_no_runs_are_passed_over(shelf, tiny):
    run = shelf.get_or_create(tiny())
    (shelf.path / ".queue").mkdir()
    (shelf.path / f"{run.name}~2").mkdir()
    (shelf.path / "notes.txt").touch()
    assert [found.name for found in shelf.runs()] == [run.name]
    assert shelf.latest(tiny()).name == run.name
    assert Shelf(shelf.path / "nowhere").runs() == []
    with pytest.raises(RunError, match=r"notes\.txt is no folder"):
        Shelf(shelf.path / "notes.txt").runs()


def test_a_run_is_found_by_a_part_that_no_other_has(shelf, tiny):
    run, other = shelf.get_or_create(tiny()), shelf.get_or_create(tiny(plain=True))
    assert shelf.find(run.name).path == run.path
    assert shelf.find("plain").path == other.path
    assert shelf.find(run.experiment.key).path == run.path


def test_a_whole_name_wins_over_a_part(shelf, tiny):
    first, second = shelf.get_or_create(tiny()), shelf.get_or_create(tiny(), again=True)
    assert shelf.find(first.name).path == first.path
    assert shelf.find("~2").path == second.path


def test_a_name_that_fits_several_or_none(shelf, tiny):
    for plain in (True, False):
        shelf.get_or_create(tiny(plain=plain))
    names = ", ".join(run.name for run in shelf.runs())
    with pytest.raises(RunError) as caught:
        shelf.find("digits")
    assert str(caught.value) == f"'digits' could be {names}; write more of the name"
    with pytest.raises(RunError) as caught:
        shelf.find("vgg")
    assert str(caught.value) == f"no run is called 'vgg' in {shelf.path}; `resnet-edu runs` lists them"


def test_remove_deletes_one_run(shelf, tiny):
    run, other = shelf.get_or_create(tiny()), shelf.get_or_create(tiny(), again=True)
    shelf.remove(run)
    assert [found.name for found in shelf.runs()] == [other.name]


def test_what_is_being_trained_is_not_removed(shelf, tiny):
    run = shelf.get_or_create(tiny())
    with RunWriter(run), pytest.raises(RunError, match=f"^{run.name} is being trained; stop it first$"):
        shelf.remove(run)
    assert shelf.runs()


def test_another_shelf_s_run_is_not_removed(shelf, tiny, tmp_path):
    run = Shelf(tmp_path / "other").get_or_create(tiny())
    with pytest.raises(RunError, match="is not in"):
        shelf.remove(run)


def test_the_user_s_shelf(tmp_path, monkeypatch):
    assert default_shelf() == Shelf().path == tmp_path / "runs"
    monkeypatch.delenv("RESNET_EDU_RUNS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Shelf().path.parts[-2:] == ("resnet-edu", "runs")
    assert repr(Shelf("a")) == "Shelf('a')"
    assert Shelf("a").path == Path("a")


def test_the_shelf_that_ships_with_the_package():
    import resnet_edu

    assert recorded().path == Path(resnet_edu.__file__).parent / "recorded"


def test_equal_mathematics_share_a_place(shelf):
    from resnet_edu.experiment import ImageFolder

    one = Experiment(data=ImageFolder(digest="ab", path="here"))
    other = dataclasses.replace(one, data=ImageFolder(digest="ab", path="there"))
    assert shelf.get_or_create(one).path == shelf.get_or_create(other).path
    assert shelf.get_or_create(other).experiment.data.path == "here"
