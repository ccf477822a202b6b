"""Ctrl-C at the moments at which it used to end in a traceback; each is aimed at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import SMALL
from pictures import folder_of_jpegs

from resnet_edu.cli.interrupts import exit_on_interrupt, gentle_interrupt
from resnet_edu.runs import Shelf

WHILE_IMPORTING = """
import os, signal, sys
class Presser:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["MODULE"]:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Presser())
from resnet_edu.cli import main
sys.exit(main())
"""
"""Presses Ctrl-C when this module is about to be imported."""

IN_A_WINDOW = """
import os, signal, sys
def press(*_):
    try:
        os.close(os.open(os.environ["PRESSED"], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.killpg(0, signal.SIGINT)
window, words = os.environ["WINDOW"], " ".join(sys.orig_argv)
if "multiprocessing.forkserver" in words and window == "fork server starts":
    press()
if "multiprocessing.resource_tracker" in words and window == "resource tracker starts":
    press()
if "multiprocessing.forkserver" in words and window == "decoding process starts":
    from multiprocessing import spawn
    begin = spawn._main
    spawn._main = lambda *arguments: (press(), begin(*arguments))[1]
"""
"""Python imports it first in each process: it presses Ctrl-C once, as a terminal does, in the whole group."""


def ended(words: list[str], **environment: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
        timeout=300,
    )
    return process.returncode, process.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    ["resnet_edu.cli.command", "pandas", "rich.table", "torch", "torch._C", "torch.nn", "resnet_edu.workers"],
)
def test_ctrl_c_while_it_starts(module):
    code, said = ended(["-c", WHILE_IMPORTING, "train", *SMALL], MODULE=module)
    assert (code, said) == (130, "")
    assert Shelf().runs() == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without a fork server")
@pytest.mark.parametrize(
    "window", ["resource tracker starts", "fork server starts", "decoding process starts"]
)
def test_ctrl_c_while_the_processes_that_decode_photographs_start(tmp_path, window):
    folder = folder_of_jpegs(tmp_path / "jpegs", train=6, test=3)
    (tmp_path / "sitecustomize.py").write_text(IN_A_WINDOW)
    words = ("--net=resnet-18", "--net.width=2", "--side=32", "--batch=4", "--steps=150", "--workers=2")
    code, said = ended(
        ["-m", "resnet_edu", "train", "--budget=imagenet", f"--data=imagefolder:{folder}", *words],
        PYTHONPATH=os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""), str(Path.cwd()))),
        WINDOW=window,
        PRESSED=str(tmp_path / "pressed"),
    )
    assert (tmp_path / "pressed").exists()
    assert "Traceback" not in said
    assert "Stopping after the present steps" in said
    (run,) = Shelf().runs()
    assert (code, run.status().state) == (130, "stopped"), said


def test_a_message_that_cannot_be_printed_now_is_left_out():
    """The handler runs between any two instructions, also in the middle of a print."""

    def tell():
        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    with gentle_interrupt(tell, signal.SIGTERM) as should_continue:
        signal.raise_signal(signal.SIGTERM)
        assert not should_continue()
        assert should_continue.exit_status == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_after_the_imports_ctrl_c_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    with exit_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with exit_on_interrupt():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "a background job of a script"
    finally:
        signal.signal(signal.SIGINT, before)
