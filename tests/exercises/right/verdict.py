import numpy as np

from resnet_edu.studies.intervals import interval


def with_numpy(deep, shallow):
    d = np.array(deep) - np.array(shallow)
    margin = 2.92 * d.std(ddof=1) / np.sqrt(len(d))
    if d.mean() - margin >= 1:
        return "supported"
    if d.mean() + margin < 1:
        return "contradicted"
    return "not settled"


def by_hand(deep, shallow):
    differences = [a - b for a, b in zip(deep, shallow, strict=True)]
    mean = sum(differences) / 3
    sd = (sum((x - mean) ** 2 for x in differences) / 2) ** 0.5
    low, high = mean - 2.92 * sd / 3**0.5, mean + 2.92 * sd / 3**0.5
    return "supported" if low >= 1 else "contradicted" if high < 1 else "not settled"


def of_the_package(deep, shallow):
    bounds = interval([a - b for a, b in zip(deep, shallow, strict=True)])
    words = {(True, True): "Supported", (False, False): "Contradicted"}
    return words.get((bounds.low >= 1, bounds.high >= 1), "Not settled")
