"""What evaluate writes is read as it was meant, or refused."""

import tempfile
import unittest
from pathlib import Path

import numpy

from diffeonn_results import samples

from . import folders


class SamplesTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_rows_are_read(self):
        found, summary = samples.read(folders.write(self.folder))
        self.assertEqual(found.keys, [(1, "a.png"), (1, "b.png"), (1, "c,d.png"), (1, "e.png")])
        self.assertEqual(found.methods, ["clean", "naive", "diffeonn"])
        self.assertTrue(found.segments)
        numpy.testing.assert_array_equal(found.scores("naive"), [0.5, 0.75, 0.25, 0.5])
        numpy.testing.assert_array_equal(found["refusal"], ["", "notEnoughDecrease", "", ""])
        self.assertTrue(numpy.isnan(found["energyGap"]).all())
        numpy.testing.assert_array_equal(found.canonical_energy(), [20, 80, 60, 30])
        self.assertEqual(summary["count"], 4)

    def test_a_table_that_contradicts_the_summary_is_refused(self):
        def count(summary):
            summary["count"] = 5

        def swapped(summary):
            summary["methods"]["clean"], summary["methods"]["naive"] = summary["methods"]["naive"], summary["methods"]["clean"]

        def augmented(summary):
            summary["methods"]["augmented"] = summary["methods"]["clean"]
        for change, message in ((count, "count"), (swapped, "of clean"), (augmented, "augmented")):
            with self.subTest(change.__name__), self.assertRaisesRegex(ValueError, message):
                samples.read(folders.write(self.folder, change=change))

    def test_a_broken_table_is_refused(self):
        path = folders.write(self.folder) / "samples.csv"
        whole = path.read_text()
        for text, message in ((whole.splitlines()[0], "no rows"), (whole + "4,x.png\n", "different lengths"),
                              (whole + whole.splitlines()[1] + "\n", "count")):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                path.write_text(text)
                samples.read(self.folder)

    def test_runs_are_pooled_and_rows_found_again(self):
        first, _ = samples.read(folders.write(self.folder / "first"))
        second, _ = samples.read(folders.write(self.folder / "second", rows=folders.ROWS[::-1], seed=2))
        both = samples.pool([first, second])
        self.assertEqual(len(both), 8)
        chosen = both.only([(2, "a.png"), (1, "b.png")])
        numpy.testing.assert_array_equal(chosen.scores("diffeonn"), [0.875, 0.75])
        with self.assertRaisesRegex(ValueError, "share an image"):
            samples.pool([first, first])


if __name__ == "__main__":
    unittest.main()
