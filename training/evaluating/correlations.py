"""How predictions compare with labels: the figures that papers report, in float64.

A correlation with something constant has no value: it is NaN here, `null` in JSON and
"undefined" in tables, never 0 or 1. All other figures are defined for any example.

Source: datasets section 2, and arXiv:2108.05997 sections 4.2 to 4.4.
"""

import warnings

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

AVA_RATINGS = 10
_AVA_BOUNDARY = 5.0


def srcc(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Return Spearman's rank correlation; ties have their average rank.

    Args:
      predictions: [examples].
      labels: [examples].

    Returns:
      -1..1; NaN with fewer than two examples or if either side is constant.
    """
    predictions, labels = _float64(predictions, labels)
    return plcc(scipy.stats.rankdata(predictions), scipy.stats.rankdata(labels))


def plcc(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Return Pearson's linear correlation of the raw predictions, without any fit.

    Args:
      predictions: [examples].
      labels: [examples].

    Returns:
      -1..1; NaN with fewer than two examples or if either side is constant.
    """
    if _has_no_correlation(predictions, labels):
        return float("nan")
    x, y = _float64(predictions, labels)
    x, y = x - x.mean(), y - y.mean()
    return float((x / np.linalg.norm(x)) @ (y / np.linalg.norm(y)))


def logistic_fit(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Map predictions to labels by the four-parameter logistic of VQEG.

    The curve is (b1 - b2) / (1 + exp(-(x - b3) / |b4|)) + b2, fitted by least squares
    from b1 = max(labels), b2 = min(labels), b3 = mean(x), b4 = std(x) / 4.

    Args:
      predictions: [examples].
      labels: [examples].

    Returns:
      float64 [examples], the mapped predictions; the predictions themselves if they
      are constant, if there are fewer than four, or if the fit does not converge.
    """
    x, y = _float64(predictions, labels)
    if len(x) < 4 or _has_no_correlation(x, y):
        return x
    start = (y.max(), y.min(), x.mean(), x.std() / 4)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.optimize.OptimizeWarning)
            best, _ = scipy.optimize.curve_fit(_logistic, x, y, start, maxfev=10_000)
    except RuntimeError:
        return x
    return _logistic(x, *best)


def rmse(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Return the root of `mse`, in the labels' own units."""
    return mse(predictions, labels) ** 0.5


def mse(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean squared difference, in the labels' own units squared."""
    predictions, labels = _float64(predictions, labels)
    return float(np.mean((predictions - labels) ** 2))


def accuracy_at_5(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of AVA's photos on the right side of 5, the usual boundary.

    Args:
      predictions: Mean ratings in 1..10, [examples]; above 5 is high, 5 itself is low.
      labels: The same of the people's ratings.
    """
    predictions, labels = _float64(predictions, labels)
    return float(np.mean((predictions > _AVA_BOUNDARY) == (labels > _AVA_BOUNDARY)))


def earth_movers_distances(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the distance of each pair of distributions, with r = 2.

    It is the root of the mean over ratings of the squared difference of the cumulative
    distributions: 0 if they are equal, sqrt(0.9) from all 1 to all 10.

    Args:
      predictions: Probabilities of the ratings 1..n, [examples, n].
      labels: The same of the people's ratings.

    Returns:
      float64 [examples].
    """
    predictions, labels = _float64(predictions, labels)
    differences = np.cumsum(predictions - labels, axis=-1)
    return np.sqrt(np.mean(differences**2, axis=-1))


def mean_ratings(distributions: np.ndarray) -> np.ndarray:
    """Return the mean rating of distributions over 1..n, float64 [examples].

    Args:
      distributions: Probabilities, [examples, n].
    """
    ratings = np.arange(1, distributions.shape[-1] + 1)
    return np.asarray(distributions, np.float64) @ ratings


def _logistic(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    return (b1 - b2) * scipy.special.expit((x - b3) / abs(b4)) + b2


def _has_no_correlation(predictions: np.ndarray, labels: np.ndarray) -> bool:
    return len(labels) < 2 or np.ptp(predictions) == 0 or np.ptp(labels) == 0


def _float64(*arrays: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(array, np.float64) for array in arrays]
