"""How many public functions still take or give a `dict[str, Any]`: records are to replace them."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent / "resnet_edu"


def untyped(path: Path) -> list[str]:
    """Names of public functions, and of public classes' public methods, with `dict[str, Any]` in their
    signature."""
    found = []

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            name = getattr(node, "name", "_")
            if name.startswith("_"):
                continue
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{name}.")
            elif isinstance(node, ast.FunctionDef):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                hints = [argument.annotation for argument in every] + [node.returns]
                if any("dict[str, Any]" in ast.unparse(hint) for hint in hints if hint):
                    found.append(f"{prefix}{name}")

    look(ast.parse(path.read_text("utf-8")).body, "")
    return found


JSON = {
    "experiment/spec.py": ["Spec.to_dict", "unflatten"],
    "jobs/queue.py": ["Job.to_dict", "ProbeJob.to_dict", "TrainJob.to_dict"],
    "runs/compute.py": ["ComputeConfig.to_dict", "RecordingConfig.to_dict"],
    "runs/fields.py": ["Fields.rest"],
    "runs/files.py": ["leading_rows", "read_json", "read_rows"],
    "runs/status.py": ["Status.to_dict"],
}
"""Where a record becomes JSON, or comes from it: the one place in which a dict is the right type."""
LEFT = 20
"""In all other rooms: facts of probes, rows of measurements, settings that the bench chose."""


def test_the_desk_passes_records():
    left: dict[str, list[str]] = {}
    for room in ("experiment", "runs", "jobs", "workers", "cli"):
        for path in (ROOT / room).glob("*.py"):
            left |= {f"{room}/{path.name}": sorted(names)} if (names := untyped(path)) else {}
    assert left == JSON


def test_the_other_rooms_get_no_more_of_them():
    paths = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).as_posix() not in JSON]
    rooms = Counter(path.relative_to(ROOT).parts[0] for path in paths for _ in untyped(path))
    assert rooms.total() <= LEFT, rooms
