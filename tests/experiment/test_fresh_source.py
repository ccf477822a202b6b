"""A net at its start as the name of a source, and back; whatever else the text may be."""

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_net

from resnet_edu.experiment import Experiment
from resnet_edu.experiment.fresh import FRESH, fresh_experiment, fresh_source
from resnet_edu.experiment.spec import SpecError


@given(any_net(), st.integers(0, 2**32 - 1))
def test_there_and_back(net, seed):
    experiment = Experiment(net=net, seed=seed)
    source = fresh_source(experiment)
    assert source.startswith(FRESH)
    assert fresh_experiment(source) == experiment


def test_short_names_and_nets_by_name():
    found = fresh_experiment("fresh:net=plain-56&width=8&seed=1&init=orthogonal")
    assert (found.label, found.net.width, found.seed, found.net.init) == ("plain-56", 8, 1, "orthogonal")
    assert fresh_experiment("fresh:") == Experiment()


@given(st.text() | st.dictionaries(st.text(), st.text()).map(urlencode))
def test_any_other_text_is_an_experiment_or_refused(text):
    with suppress(SpecError):
        assert isinstance(fresh_experiment(FRESH + text), Experiment)


def test_no_folder_of_the_machine_is_read():
    with pytest.raises(SpecError, match="a fresh net takes digits, cifar10 or fashion-mnist"):
        fresh_experiment("fresh:data=imagefolder&path=/home")
