"""Formulas against loops that multiply, and the sentences that say by how much they are off."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_edu import runs
from resnet_edu.studies import formulas
from resnet_edu.studies.formulas import CORRELATIONS, chain, correlation, correlations, fitted_w

WEIGHTS = st.floats(-2, 2).map(lambda w: round(w, 3))


def multiplied(units, w, residual):
    """The chain rule, one unit after the other from the loss on."""
    gradient = [1.0]
    for _ in range(units - 1):
        gradient.insert(0, gradient[0] * w + (gradient[0] if residual else 0.0))
    return gradient


@given(st.integers(1, 40), WEIGHTS, st.booleans())
def test_a_chain_multiplies(units, w, residual):
    found = chain(units, w, residual=residual)
    np.testing.assert_allclose(found, multiplied(units, w, residual), rtol=1e-9, atol=1e-12)
    assert found[-1] == 1


def test_a_chain_can_be_longer_than_floats_are_large():
    assert chain(5000, 1.0, residual=True)[0] == math.inf
    assert chain(5000, 0.5, residual=False)[0] == 0
    assert "no finite number" in formulas.gradient_sentence(chain(5000, 1.0, residual=True), [1.0, 1.0])
    with pytest.raises(ValueError, match="units is 0"):
        chain(0, 1.0, residual=True)


@given(st.integers(2, 12), st.floats(0.05, 2).map(lambda w: round(w, 3)), st.booleans(), st.data())
def test_w_is_found_again_in_any_unit_of_a_chain(units, w, residual, data):
    unit = data.draw(st.integers(1, units - 1))
    assert fitted_w(3 * chain(units, w, residual=residual), unit, residual=residual) == pytest.approx(w)


@pytest.mark.parametrize(("gradient", "unit"), [([1, 2], 0), ([1, 2], 2), ([1, 0], 1), ([np.nan, 1], 1)])
def test_where_no_w_can_be_fitted(gradient, unit):
    with pytest.raises(ValueError, match=r"unit is \d; allowed: 1 … 1|no ratio to fit"):
        fitted_w(gradient, unit, residual=False)


def test_correlations_are_the_paper_s():
    """Balduzzi 2017, theorems 1 to 3, as covariance over variance."""
    for layers in (1, 2, 10, 50):
        assert correlation(layers, "plain") == 1 / 2**layers
        assert correlation(layers, "residual") == pytest.approx((3 / 2) ** layers / 2**layers)
        assert correlation(layers, "residual with batch norm") == pytest.approx(1 / math.sqrt(layers))
    assert correlation(100, "residual with batch norm", beta=0.5) == pytest.approx(0.2)
    assert correlation(1, "residual with batch norm", beta=0.1) == 1
    assert [correlation(0, kind) for kind in CORRELATIONS] == [1, 1, 1]
    with pytest.raises(ValueError, match="kind is 'dense'; allowed: plain, residual, residual with"):
        correlation(1, "dense")
    with pytest.raises(ValueError, match="layers is -1"):
        correlation(-1, "plain")


def test_layers_are_counted_from_the_loss():
    assert correlations(3, "plain").tolist() == [1 / 16, 1 / 4, 1]
    assert correlations(3, "plain", layers_each=3).tolist() == [1 / 64, 1 / 8, 1]
    assert correlations(3, "residual").tolist() == [9 / 16, 3 / 4, 1]
    assert correlations(5, "residual with batch norm")[0] == 0.5


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_off_is_a_factor_whichever_is_larger(one, other):
    factor = formulas.off_by(one, other)
    assert factor >= 1
    assert factor == formulas.off_by(other, one)
    assert max(one, other) == pytest.approx(factor * min(one, other))


def test_off_where_there_is_no_factor():
    assert formulas.off_by(0, 0) == 1
    assert formulas.off_by(0, 1) == math.inf
    assert math.isnan(formulas.off_by(1, -0.1))
    assert math.isnan(formulas.off_by(math.nan, 1))


def test_sentences():
    said = formulas.gradient_sentence([0.001, 1], [20, 10])
    assert said == (
        "The formula makes the first unit's gradient 0.001 times the last one's; measured: 2 times. "
        "It is off by a factor of 2,000."
    )
    said = formulas.correlation_sentence([0.25, 1], [-0.02, 1])
    assert said == (
        "The formula makes the correlation at the first unit 0.25; measured: -0.02. "
        "A factor between them says nothing, for one is negative or not finite."
    )
    assert formulas.correlation_sentence([0.0], [0.5]).endswith("no factor says how far off the formula is.")
    assert formulas.gradient_sentence([1, 1], [1, 0]).count("no finite number") == 1
    assert [formulas.number(x) for x in (0.0123, 2.44, 151_000, 1.27e-8, 99.6)] == [
        "0.012",
        "2.4",
        "150,000",
        "1.3e-08",
        "100",
    ]


def test_over_a_recorded_net_the_chain_of_one_of_its_units_is_off():
    """Claim of many tutorials: the measured profile, with w fitted to one unit in its middle."""
    run = runs.recorded().find("resnet-56-digits-s0")
    measured = run.units().query("step == 0")["gradient"].to_numpy()
    w = fitted_w(measured, 13, residual=True)
    says = chain(len(measured), w, residual=True)
    assert formulas.off_by(formulas.first_to_last(says), formulas.first_to_last(measured)) > 1
    assert "off by a factor of" in formulas.gradient_sentence(says, measured)
