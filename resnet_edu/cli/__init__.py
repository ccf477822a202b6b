"""The `resnet-edu` command. It imports nothing before it can be interrupted without a traceback; each
subcommand imports what it needs when it is called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resnet_edu.cli.interrupts import exit_on_interrupt

if TYPE_CHECKING:
    import argparse


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 done, 1 not all of it, 2 for what cannot be done (one line says why), 130
    stopped by Ctrl-C, 143 by SIGTERM. Without `arguments` it takes those of this process, which then ends."""
    try:
        with exit_on_interrupt():
            from resnet_edu.cli import command
        options = command.parse(sys.argv[1:] if arguments is None else list(arguments))
        try:
            return int(options.run(options))
        except command.errors() as error:
            command.print_error(error, options)
            return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if arguments is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python would print a traceback while it ends


def parser() -> argparse.ArgumentParser:
    """Of all subcommands."""
    from resnet_edu.cli import command

    return command.parser()
