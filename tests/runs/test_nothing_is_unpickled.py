"""A run may come from anybody: nothing in it is ever executed."""

import re
from pathlib import Path

import pytest

import resnet_edu

SOURCES = sorted(Path(resnet_edu.__file__).parent.rglob("*.py"))
UNSAFE = re.compile(
    r"\b(c?pickle|dill|cloudpickle|joblib|shelve|marshal)\b(?!d)"
    r"|torch\.(load|save)\b|read_pickle|allow_pickle\s*=\s*True|weights_only\s*=\s*False|(?<![.\w])(eval|exec)\("
)


def code(path: Path) -> str:
    """The file without strings and comments, which may say what is not done."""
    text = re.sub(r'"""(.|\n)*?"""', '""', path.read_text("utf-8"))
    return re.sub(r"(?m)(?<!\S)#.*$", "", text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_source_file_unpickles(path):
    assert not (found := UNSAFE.search(code(path))), f"{path} has {found and found[0]!r}"


def test_the_search_would_find_it():
    for bad in ("import pickle", "torch.load(path)", "np.load(p, allow_pickle=True)", "pd.read_pickle(p)"):
        assert UNSAFE.search(bad), bad
    assert not UNSAFE.search("net.load_state_dict(x); savez(allow_pickle=False); net.eval()")
