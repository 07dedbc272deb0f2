"""Intervals by bootstrap, against what is known about them."""

import math
import unittest

import numpy

from diffeonn_results import statistics
from diffeonn_results.statistics import Bootstrap


class BootstrapTests(unittest.TestCase):
    def setUp(self):
        self.random = numpy.random.default_rng(5)

    def test_interval_of_a_mean_is_as_wide_as_the_standard_error_says(self):
        values = self.random.normal(3, 2, 400)
        found = Bootstrap(range(400), 4000).of(statistics.mean(values))
        error = values.std() / math.sqrt(400)
        self.assertAlmostEqual(found.value, values.mean(), places=12)
        self.assertAlmostEqual(found.low, values.mean() - 1.96 * error, delta=0.1 * error)
        self.assertAlmostEqual(found.high, values.mean() + 1.96 * error, delta=0.1 * error)

    def test_interval_covers_the_truth_as_often_as_it_says(self):
        covered = 0
        for trial in range(200):
            found = Bootstrap(range(60), 400, seed=trial, level=0.8).of(statistics.mean(self.random.normal(0, 1, 60)))
            covered += found.low <= 0 <= found.high
        self.assertAlmostEqual(covered / 200, 0.8, delta=0.08)

    def test_copies_of_an_image_do_not_make_an_interval_narrower(self):
        values = self.random.normal(0, 1, 50)
        single = Bootstrap(range(50), 2000).of(statistics.mean(values))
        tripled = Bootstrap([row % 50 for row in range(150)], 2000).of(statistics.mean(numpy.tile(values, 3)))
        apart = Bootstrap(range(150), 2000).of(statistics.mean(numpy.tile(values, 3)))
        self.assertAlmostEqual(tripled.low, single.low, places=12)
        self.assertAlmostEqual(tripled.high, single.high, places=12)
        self.assertLess(apart.high - apart.low, 0.7 * (single.high - single.low))

    def test_clusters_of_unequal_size_count_by_rows(self):
        found = Bootstrap(["a", "a", "a", "b"], 4000).of(statistics.mean([1, 1, 1, 5]))
        self.assertEqual(found.value, 2)
        self.assertEqual((found.low, found.high), (1, 5))

    def test_the_same_seed_draws_the_same(self):
        values = self.random.normal(0, 1, 30)
        first, again, other = (Bootstrap(range(30), 700, seed).of(statistics.mean(values)) for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_no_rows_are_an_error(self):
        with self.assertRaises(ValueError):
            Bootstrap([])


class StatisticTests(unittest.TestCase):
    def test_gap_closed_is_that_of_the_same_images(self):
        # Images differ greatly, but each one's gap is closed by exactly 0.75: drawn together there is no doubt, drawn apart there would be.
        naive = numpy.random.default_rng(1).uniform(0.1, 0.9, 40)
        gap = numpy.random.default_rng(2).uniform(0.05, 0.1, 40)
        found = Bootstrap(range(40), 1000).of(statistics.gap_closed(naive + gap, naive, naive + 0.75 * gap))
        for figure in (found.value, found.low, found.high):
            self.assertAlmostEqual(figure, 0.75, places=9)

    def test_gap_closed_is_a_ratio_of_means(self):
        weights = numpy.array([[1.0, 1, 1], [2, 0, 1]])
        found = statistics.gap_closed([1, 0.8, 0.9], [0.5, 0.2, 0.9], [0.75, 0.8, 0.6])(weights)
        self.assertAlmostEqual(found[0], (0.25 + 0.6 - 0.3) / (0.5 + 0.6))
        self.assertAlmostEqual(found[1], (2 * 0.25 - 0.3) / (2 * 0.5))

    def test_where_there_is_no_gap_nothing_is_stated(self):
        clean = numpy.full(20, 0.9)
        none = Bootstrap(range(20), 200).of(statistics.gap_closed(clean, clean - 0.004, clean))
        self.assertTrue(math.isnan(none.value) and math.isnan(none.low))
        # A value, but no interval: in many resamples the gap is gone.
        naive = clean - numpy.where(numpy.arange(20) == 0, 0.2, 0)
        seldom = Bootstrap(range(20), 200).of(statistics.gap_closed(clean, naive, clean))
        self.assertEqual(seldom.value, 1)
        self.assertTrue(math.isnan(seldom.low))

    def test_median_is_numpys(self):
        random = numpy.random.default_rng(3)
        for count in (1, 2, 7, 10):
            values = numpy.round(random.normal(0, 1, count), 1)
            weights = random.integers(0, 4, (50, count))
            weights[:, 0] += 1
            expected = [numpy.median(numpy.repeat(values, row)) for row in weights]
            numpy.testing.assert_allclose(statistics.median(values)(weights.astype(float)), expected)

    def test_median_leaves_out_what_is_missing(self):
        weights = numpy.ones((1, 4))
        self.assertEqual(statistics.median([math.nan, 3, 1, math.inf])(weights)[0], 2)
        self.assertTrue(math.isnan(statistics.median([math.nan] * 4)(weights)[0]))

    def test_difference_is_paired(self):
        first = numpy.random.default_rng(4).normal(0, 1, 30)
        found = Bootstrap(range(30), 500).of(statistics.difference(first + 0.1, first))
        self.assertAlmostEqual(found.low, 0.1, places=9)
        self.assertAlmostEqual(found.high, 0.1, places=9)


if __name__ == "__main__":
    unittest.main()
