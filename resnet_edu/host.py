"""The computer that this runs on: its cores, its folders, and the commit of the source."""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)


class PathError(OSError):
    """A path with a variable or a user that does not exist; the message names it, and what helps."""


def cores(root: Path = Path("/")) -> int:
    """CPU cores that this process may use: those of its affinity, at most what its container's quota allows.

    A quota of 1.5 CPUs is 2 cores, as Java's and joblib's count. `root` is the folder of /proc and /sys.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(_quotas(root), default=math.inf)
    return max(1, math.ceil(min(allowed, quota)))


def expanded(path: str | os.PathLike[str], name: str = "") -> Path:
    """The path with ~ and environment variables ($HOME, ${SCRATCH}) replaced, as a shell does it.

    A folder that exists with a $ in its name keeps it. `name` is that of the setting, for the message.
    Raises `PathError` for a variable that is not set, a user that does not exist, and a home that is unknown.
    """
    text = os.path.expanduser(given := os.fspath(path))
    is_set = f"{name} is {given!r}: " if name else f"{given!r}: "
    if text.startswith("~") and not os.path.lexists(text):
        user = text[1:].split(os.sep)[0]
        helps = (
            f"no user is called {user}; write ./~{user} for a folder" if user else "set HOME, it is unknown"
        )
        raise PathError(is_set + helps)
    parts = text.split(os.sep)
    for i, part in enumerate(parts):
        if not os.path.lexists(os.sep.join(parts[: i + 1])):
            for match in _VARIABLE.finditer(part):
                if (variable := match[1].strip("{}")) not in os.environ:
                    raise PathError(f"{is_set}the environment variable {variable} is not set")
            parts[i] = os.path.expandvars(part)
    return Path(os.sep.join(parts))


def user_folder(variable: str, default: Callable[[], Path]) -> Path:
    """The folder that this environment variable names, else the user's own; raises `PathError`."""
    if chosen := os.environ.get(variable):
        return expanded(chosen, variable)
    # In some containers there is no HOME, and the system does not know the user; older platformdirs return ~.
    with contextlib.suppress(RuntimeError):
        if not str(folder := default()).startswith("~"):
            return folder
    raise PathError(f"no home is known; set HOME, or {variable} to a folder")


def cache_folder() -> Path:
    """`RESNET_EDU_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_path

    return user_folder("RESNET_EDU_CACHE", lambda: user_cache_path("resnet-edu"))


def commit() -> str | None:
    """The source's git commit, + where files had changed; None for an installed package."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "HEAD")[:12] + (
            "+" if git("status", "--porcelain", "--", "*.py").strip() else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def _quotas(root: Path) -> Iterator[float]:
    """CPUs that each cgroup of this process allows, from its own up to the root: version 2's cpu.max, or
    version 1's cpu.cfs_quota_us. In a container /proc often has the host's path, which is not mounted."""
    mounted = root / "sys" / "fs" / "cgroup"
    for controllers, path in _cgroups(root / "proc" / "self" / "cgroup"):
        inside = PurePosixPath(path.strip("/"))
        for place in {mounted, mounted / controllers, mounted / "cpu"} if controllers else {mounted}:
            for group in (inside, *inside.parents) if ".." not in inside.parts else ("",):
                yield from _quota(place / group)


def _cgroups(file: Path) -> Iterator[tuple[str, str]]:
    """("", path) of version 2, ("cpu,cpuacct", path) of version 1; the mount's root where no file says."""
    try:
        lines = [line.split(":", 2) for line in file.read_text().splitlines()]
    except OSError:
        lines = []
    yield from (("", "/"), ("cpu", "/"))
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if not controllers or "cpu" in controllers.split(","):
            yield controllers, path


def _quota(group: Path) -> Iterator[float]:
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text().split()[:2]
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if float(quota) > 0 and float(period) > 0:
            yield float(quota) / float(period)
    except (OSError, ValueError):  # no such file, or "max": no quota
        return
