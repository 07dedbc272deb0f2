"""From rows to figures to RESULTS.md, on small tables worked out by hand."""

import contextlib
import io
import json
import math
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy

from diffeonn_results import __main__ as command
from diffeonn_results import analysis, document, pictures, plan, runs, samples, statistics

from . import folders

INTERVAL = {"level": 0.95, "resamples": 400, "seed": 1}


def planned(deform="tps", seed=1, series="best"):
    return plan.Run("lungs", series, "lungs", "test", None, deform, seed, None, ())


class AnalysisTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        parts = [samples.read(folders.write(self.folder / str(seed), seed=seed)) for seed in (1, 2)]
        self.group = analysis.group("tps", [planned(seed=1), planned(seed=2)], parts, [], INTERVAL)

    def test_deformations_of_an_image_are_one_cluster(self):
        self.assertEqual((self.group.images, len(self.group.samples)), (4, 8))
        alone = analysis.group("tps", [planned()], [samples.read(self.folder / "1")], [], INTERVAL)
        self.assertEqual(self.group.mean("diffeonn"), alone.mean("diffeonn"))

    def test_bars_are_compared_as_they_are_written(self):
        gap = (0.59375 - 0.5) / (0.825 - 0.5)

        def reach(**bar):
            return analysis.reach({"deform": "tps", **bar}, {"tps": self.group})
        met = reach(measure="gapClosed", atLeast=gap - 1e-9)
        self.assertAlmostEqual(met.estimate.value, gap)
        self.assertEqual((met.met, met.clear), (True, False))
        self.assertEqual(reach(measure="gapClosed", atLeast=gap + 1e-9).met, False)
        self.assertEqual(reach(measure="inverseResidual", atMost=0.125).met, True)
        self.assertEqual(reach(measure="inverseResidual", atMost=0.1).met, False)
        self.assertEqual((reach(measure="folded", atMost=0).met, reach(measure="folded", atMost=0).estimate.value), (True, 0))
        self.assertAlmostEqual(reach(measure="aboveNaive", atLeast=0).estimate.value, 0.09375)
        self.assertEqual(reach(measure="aboveAugmented", atLeast=0).met, None)
        self.assertTrue(math.isnan(reach(measure="aboveAugmented", atLeast=0).estimate.value))
        self.assertEqual(analysis.reach({"deform": "svf", "measure": "mean", "atLeast": 0}, {"tps": self.group}).met, None)

    def test_folds_of_all_deformations_count_together(self):
        worse = analysis.group("svf", [planned("svf")], [samples.read(self.folder / "1")], [], INTERVAL)
        worse.samples.columns["folded"] = numpy.array([0, 1, 1, 0.0])
        found = analysis.reach({"measure": "folded", "atMost": 0}, {"tps": self.group, "svf": worse})
        self.assertEqual((found.met, found.estimate.value), (False, 2))

    def test_failures_are_told_apart(self):
        one = analysis.group("tps", [planned()], [samples.read(self.folder / "1")], [], INTERVAL)
        found = analysis.failures(one, 40)
        # a: 0.025 below clean, no failure. b: refused. c: energy 60. e: energy 30, and worse than naive.
        self.assertEqual((found.refused, found.stuck, found.unseen, found.harmed), ({"notEnoughDecrease": [1]}, [2], [3], [3]))
        self.assertEqual([found.cause(row) for row in range(4)], ["", "notEnoughDecrease", "high energy", "low energy"])
        self.assertEqual(found.count, 3)
        self.assertEqual(one.refusals(), {"notEnoughDecrease": 1})

    def test_variants_are_compared_on_the_same_images(self):
        few = analysis.group("tps", [planned()], [samples.read(folders.write(self.folder / "few", rows=folders.ROWS[2:]))], [], INTERVAL)
        cut = analysis.compare([self.group, few], INTERVAL, lambda key: key[1])
        self.assertEqual([one.samples.keys for one in cut], [[(1, "c,d.png"), (1, "e.png")]] * 2)
        self.assertEqual([one.seconds() for one in cut], [0.5, 0.5])

    def test_panels_of_several_runs_are_ranked_together(self):
        parts = []
        for seed, scores in ((1, [0.9, 0.5, 0.1]), (2, [0.8, 0.4, 0.2])):
            rows = [(f"{name}.png", 1, 0.1, score, 9, 1, 1, "") for name, score in zip("xyz", scores)]
            folder = folders.write(self.folder / f"p{seed}", rows=rows, seed=seed)
            (folder / "panels").mkdir()
            for file in ("worst-01-z", "median-01-y", "best-01-x"):
                (folder / "panels" / f"{file}.png").write_bytes(b"")
            parts.append((folder, samples.read(folder)[0]))
        chosen = pictures.chosen_panels(parts, worst=2, median=1, best=1)
        self.assertEqual([(group, file.parts[-3], file.stem) for group, file in chosen],
                         [("worst", "p1", "worst-01-z"), ("worst", "p2", "worst-01-z"), ("median", "p1", "median-01-y"),
                          ("best", "p1", "best-01-x")])


class TextTests(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual(document.estimate(statistics.Estimate(0.12345, 0.1, 0.2)), "0.123 [0.100, 0.200]")
        self.assertEqual(document.estimate(statistics.Estimate(0.12345, math.nan, math.nan)), "0.123")
        self.assertEqual((document.estimate(None), document.number(math.nan)), ("–", "–"))

    def test_tables(self):
        self.assertEqual(document.table(["a", "b"], [["x", 1]]), "| a | b |\n| --- | ---: |\n| x | 1 |\n")


class ResultsTests(unittest.TestCase):
    """The whole script, with runs that were finished before."""

    def setUp(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("matplotlib is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self._write = folders.write
        (self.folder / "data").mkdir()
        bundle = self.folder / "models" / "lungs"
        bundle.mkdir(parents=True)
        (bundle / "diffeonn.json").write_text(json.dumps({"models": {"inner": {}}, "energy": {"vae": 1}, "provenance": {}}))
        (self.folder / "notes.md").write_text("## Known weaknesses\n\nNone of these are real.\n")
        (self.folder / "plan.json").write_text(json.dumps({"interval": INTERVAL, "bundles": [{
            "name": "lungs", "title": "Lungs", "data": "lungs", "terms": "Made up.",
            "series": [
                {"name": "best", "title": "as it is", "runs": [{"deform": ["none", "tps"], "seeds": [1]}]},
                {"name": "zero", "title": "from zero", "options": ["--start", "zero"], "runs": [{"deform": ["tps"], "seeds": [1, 2]}]}],
            "bars": [{"deform": "tps", "measure": "gapClosed", "atLeast": 0.7, "aim": 0.85}, {"measure": "folded", "atMost": 0}],
            "pictures": {"deform": "tps", "worst": 1, "median": 1, "best": 1}}]}))

    def _call(self, *options):
        arguments = ["--data", f"lungs={self.folder / 'data'}", "--plan", str(self.folder / "plan.json"), "--notes",
                     str(self.folder / "notes.md"),
                     "--models", str(self.folder / "models"), "--cache", str(self.folder / "cache"), "--no-runs", *options]
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            return command.main(arguments), output.getvalue()

    def _finish(self):
        """Results of all runs but one, in the cache."""
        with mock.patch.object(runs.subprocess, "run", self._evaluate):
            runner = runs.Runner("diffeonn", command.program.version(command.ROOT), self.folder / "cache", self.folder / "models",
                                 {"lungs": str((self.folder / "data").resolve())}, lambda line: None)
            for series in plan.read(self.folder / "plan.json")[0][0].series:
                for run in series.runs:
                    if run.seed == 1:
                        runner.run(run)

    def _evaluate(self, arguments, **_):
        self._write(Path(arguments[arguments.index("--output") + 1]), deform=arguments[arguments.index("--deform") + 1])
        return mock.Mock(returncode=0)

    def test_everything_is_in_the_document_and_what_is_missing_is_told(self):
        self.assertEqual(self._call()[0], 1)
        self.assertFalse((self.folder / "models" / "RESULTS.md").exists())
        self._finish()
        code, _ = self._call()
        self.assertEqual(code, 1, "one run is not done")
        text = (self.folder / "models" / "RESULTS.md").read_text()
        for part in ("| lungs | gap closed | `tps` | ≥ 0.7 (aim 0.85) | 0.288 ", "| **no**, not clearly |",
                     "| lungs | folded maps | all | ≤ 0 | 0 | yes |",
                     "None of these are real.", "lungs-zero-tps-2: not done", "from zero", "notEnoughDecrease 1", "c,d.png",
                     "--start zero", "![Lungs"):
            self.assertIn(part, text)
        self.assertNotIn(str(self.folder), text)
        picture = self.folder / "models" / "results" / "lungs-boxes.png"
        self.assertLess(picture.stat().st_size, 60_000)
        before = picture.read_bytes()
        self._call()
        self.assertEqual((text, before), ((self.folder / "models" / "RESULTS.md").read_text(), picture.read_bytes()))

    def test_classifications_are_scored_by_accuracy(self):
        self._write = folders.write_classes
        self._finish()
        self._call()
        text = (self.folder / "models" / "RESULTS.md").read_text()
        for part in ("| `tps` | 4 | 4 | 1.000 [1.000, 1.000] | 0.500 [0.000, 1.000] | 0.750 [0.250, 1.000] | 0.750 [0.250, 1.000] | 0.500",
                     "Mean accuracy",
                     "| `tps` | b | 1 | 0.875 | 0.125 | 0.125 | 0.875 | 9 → 5 | low energy |", "probability of the true class"):
            self.assertIn(part, text)
        self.assertNotIn("IoU", text)

    def test_a_trial_does_not_replace_results(self):
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            self._call("--count", "3")

    def test_missing_data_is_named(self):
        code, output = self._call("--data", f"lungs={self.folder / 'nowhere'}")
        self.assertEqual(code, 2)
        self.assertIn("nowhere' does not exist", output)


if __name__ == "__main__":
    unittest.main()
