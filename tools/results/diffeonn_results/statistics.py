"""Bootstrap confidence intervals over images."""

from dataclasses import dataclass

import numpy

SMALLEST_GAP = 0.005  # as in the program: below it there is no gap to close a share of
CHUNK = 500
DEFINED = 0.99  # an interval is stated if the statistic is defined in at least this share of the resamples


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval; NaN where one cannot be stated."""

    value: float
    low: float
    high: float


def mean(values):
    """Weighted mean of rows, as a function of weights (B, rows)."""
    values = numpy.asarray(values, float)
    return lambda weights: weights @ values / weights.sum(axis=1)


def difference(first, second):
    """Mean of first - second, row by row."""
    return mean(numpy.asarray(first, float) - numpy.asarray(second, float))


def gap_closed(clean, naive, found):
    """(found - naive) / (clean - naive) of the means over the same rows; NaN where the denominator is below SMALLEST_GAP."""
    gap, gained = difference(clean, naive), difference(found, naive)

    def share(weights):
        size = gap(weights)
        stated = size >= SMALLEST_GAP
        return numpy.where(stated, gained(weights) / numpy.where(stated, size, 1), numpy.nan)
    return share


def median(values):
    """Weighted median of rows: the mean of the lower and the upper one where two are in the middle. Rows that are not finite are left out;
    NaN where none is left."""
    values = numpy.asarray(values, float)
    order = numpy.argsort(values, kind="stable")[:numpy.isfinite(values).sum()]
    rising = values[order]

    def middle(weights):
        reached = numpy.cumsum(weights[:, order], axis=1)
        if rising.size == 0:
            return numpy.full(len(weights), numpy.nan)
        half = reached[:, -1:] / 2
        lower = rising[numpy.argmax(reached >= half, axis=1)]
        # Weights are whole numbers, so an even half of the total is exact.
        upper = rising[numpy.argmax(reached > half, axis=1)]
        return numpy.where(reached[:, -1] > 0, (lower + upper) / 2, numpy.nan)
    return middle


class Bootstrap:
    """Percentile intervals of statistics of the same rows. Clusters of rows (the deformations of one image) are drawn together, with
    replacement, as many as there are; the same seed draws the same."""

    def __init__(self, clusters, resamples=10_000, seed=1, level=0.95):
        """clusters: one hashable a row; rows with equal ones are drawn together."""
        numbers = {}
        self._cluster = numpy.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], int)
        if not len(self._cluster):
            raise ValueError("there are no rows to draw from")
        self.clusters, self.resamples, self.level = len(numbers), resamples, level
        drawn = numpy.random.default_rng(seed).integers(self.clusters, size=(resamples, self.clusters))
        self._counts = numpy.stack([numpy.bincount(row, minlength=self.clusters) for row in drawn]).astype(numpy.int32)

    def of(self, statistic):
        """Estimate of a statistic: a function of weights (B, rows) that gives B figures."""
        value = float(statistic(numpy.ones((1, len(self._cluster))))[0])
        found = numpy.concatenate([
            statistic(self._counts[start:start + CHUNK, self._cluster].astype(float)) for start in range(0, self.resamples, CHUNK)])
        found = found[numpy.isfinite(found)]
        if len(found) < DEFINED * self.resamples or not numpy.isfinite(value):
            return Estimate(value, float("nan"), float("nan"))
        tail = 50 * (1 - self.level)
        low, high = numpy.percentile(found, [tail, 100 - tail])
        return Estimate(value, float(low), float(high))
