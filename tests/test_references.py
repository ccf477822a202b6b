import pytest

from resnet_edu.references import HE_2015_CIFAR10, reported, reproduced


@pytest.mark.parametrize(
    ("net", "error"),
    [
        ("resnet-20", 8.75),
        ("resnet-32", 7.51),
        ("resnet-44", 7.17),
        ("resnet-56", 6.97),
        ("resnet-110", 6.43),
        ("resnet-1202", 7.93),
    ],
)
def test_table_6_of_he_2015(net, error):
    row = reported(net)
    assert (row.net, row.depth, row.error, row.place) == (net, int(net.split("-")[1]), error, "Table 6")


def test_five_runs_of_110_layers_have_mean_and_spread():
    row = reported("resnet-110")
    assert (row.mean, row.sd, row.runs) == (6.61, 0.16, 5)
    assert str(row).startswith("6.43 % (best of 5 runs; 6.61 ± 0.16) test error, reported by He et al. 2015")


def test_a_bound_is_said_to_be_one():
    assert str(reported("plain-110")) == "above 60 % test error, reported by He et al. 2015, Fig. 6"


def test_every_number_says_whose_it_is():
    for row in HE_2015_CIFAR10:
        assert "He et al. 2015" in str(row)
        assert "arXiv:1512.03385" in row.citation
        assert row.place in row.citation


def test_what_is_not_reported_is_not_made_up():
    assert reported("plain-56") is None
    assert reported("resnet-56", data="digits") is None


def test_reproductions_are_said_to_be_neither_ours_nor_the_papers():
    assert str(reproduced("plain-20")) == "9.5–10.1 % test error, the range of public reproductions, not ours"
    assert (reproduced("plain-56").low, reproduced("plain-56").high) == (12.8, 15.4)
    assert reproduced("plain-56").steps == 64_000
    assert reproduced("resnet-56") is None
