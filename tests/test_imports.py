"""Imports run one way, and the desk never waits for torch."""

import ast
import graphlib
import subprocess
import sys
import sysconfig
from pathlib import Path

import grimp
import pytest

DESK = ", ".join(
    f"resnet_edu.{room}"
    for room in [
        "experiment",
        "anatomy",
        "runs",
        "jobs",
        "studies",
        "charts",
        "cli",
        "data",
        "references",
        "methods",
        "pictures",
        "host",
        "experiment.budgets",
        "experiment.folder",
        "jobs.queue",
        "jobs.pool",
        "jobs.machine",
        "jobs.cluster",
        "jobs.private",
    ]
)
ROOT = Path(__file__).parent.parent


def held(modules: str, unwanted: str) -> list[str]:
    """Which of `unwanted` a fresh interpreter holds after importing `modules`."""
    code = f"import sys, {modules}; print(*sorted(set({unwanted.split()!r}) & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    return said.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        (DESK, "torch torchvision captum sklearn safetensors.torch streamlit matplotlib distributed dask"),
        ("resnet_edu.experiment", "torch numpy pandas plotly"),
        ("resnet_edu.runs, resnet_edu.jobs, resnet_edu.jobs.private", "torch numpy pandas plotly"),
        ("resnet_edu.methods", "torch numpy"),
        (
            "resnet_edu.nets, resnet_edu.data, resnet_edu.measure, resnet_edu.training",
            "torchvision pandas streamlit plotly captum sklearn rich filelock",
        ),
        (
            "resnet_edu.workers.process, resnet_edu.probes",
            "torchvision pandas streamlit plotly captum sklearn",
        ),
    ],
    ids=["desk", "experiment", "runs", "methods", "bench", "worker"],
)
def test_what_an_import_does_not_bring(modules, unwanted):
    assert held(modules, unwanted) == []


BENCH = {"nets", "measure", "training", "probes", "exercises", "workers", "randomness"}


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: path.name)
def test_the_app_asks_the_desk_for_everything(path):
    """Neither torch nor a room of the bench: workers do what takes a GPU or a second."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        origin = node.module if isinstance(node, ast.ImportFrom) else None
        full = {f"{origin}.{name}" if origin else name for name in names}
        assert not {name for name in full if name.split(".")[0] in ("torch", "torchvision", "captum")}
        assert not {name for name in full if name.startswith("resnet_edu.") and name.split(".")[1] in BENCH}


@pytest.mark.slow
def test_a_training_waits_for_no_compiler():
    """Making torch.optim.SGD imports torch._dynamo and sympy; every worker would wait seconds for it."""
    code = """
import sys
from resnet_edu import data, training
from resnet_edu.experiment import budgets
experiment = budgets.at("minute", "plain-8")
how = training.choose(experiment, channels=1, side=8, classes=10, device="cpu")
blocks = training.train(experiment, data.load(experiment.data), how)
while next(blocks).step == 0: pass
assert not {"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr


@pytest.mark.slow
def test_reading_a_recorded_run_brings_no_torch():
    code = """
import sys
from resnet_edu import studies
from resnet_edu.runs import recorded
runs = recorded().runs()
study = studies.get("degradation")
runs[0].layers(), runs[0].weight_steps(), [run.status() for run in runs]
assert "torch" not in sys.modules
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stderr


@pytest.mark.slow
def test_imports_run_one_way():
    """The contracts stand in pyproject.toml; `lint-imports` holds the code to them."""
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    said = subprocess.run([command, "--no-logo"], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
def test_no_import_runs_in_a_circle():
    """Late imports and those for type checkers count, too: hiding a circle does not open it."""
    graph = grimp.build_graph("resnet_edu", exclude_type_checking_imports=False)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    order = graphlib.TopologicalSorter(imports).static_order()  # CycleError names a circle
    assert len(list(order)) > 100


def test_the_package_has_few_loose_modules():
    assert len(list((ROOT / "resnet_edu").glob("*.py"))) <= 7
