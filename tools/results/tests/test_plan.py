"""Plans are read strictly."""

import json
import tempfile
import unittest
from pathlib import Path

from diffeonn_results import plan

COMMITTED = Path(__file__).resolve().parents[1] / "plan.json"


class PlanTests(unittest.TestCase):
    def test_the_plan_here_is_what_the_results_ask_for(self):
        bundles, interval = plan.read(COMMITTED)
        self.assertEqual([bundle.name for bundle in bundles], ["shapes", "lungs", "genus"])
        self.assertGreaterEqual(interval["resamples"], 1000)
        for bundle in bundles:
            main = bundle.series[0]
            self.assertEqual(set(main.deforms()), {"none", "tps", "tps-strong", "svf", "twist"})
            self.assertTrue(all(run.split == "test" for series in bundle.series for run in series.runs))
            self.assertTrue({"zero", "published"} <= {series.name for series in bundle.series})
        lungs = bundles[1].series[0]
        self.assertEqual(sorted(run.seed for run in lungs.runs if run.deform == "tps"), [2026, 2027, 2028])
        self.assertEqual({run.count for run in lungs.runs}, {None})
        self.assertTrue(all(run.count >= 500 for bundle in (bundles[0], bundles[2]) for run in bundle.series[0].runs
                            if run.deform in ("none", "tps", "tps-strong")))

    def test_a_run_is_a_command(self):
        run = plan.Run("lungs", "zero", "lungs", "test", "kermany-normal", "tps", 7, 5, ("--start", "zero"))
        self.assertEqual(run.arguments(), "--split test --source kermany-normal --deform tps --seed 7 --count 5 --start zero".split())

    def test_images_of_folders_are_told_apart_by_name_generated_ones_by_seed_too(self):
        lungs = plan.Run("lungs", "best", "lungs", "test", None, "tps", 7, None, ())
        shapes = plan.Run("shapes", "best", "shapes", "test", None, "tps", 7, None, ())
        self.assertEqual(lungs.cluster((7, "a.png")), lungs.cluster((8, "a.png")))
        self.assertNotEqual(shapes.cluster((7, "shape-1")), shapes.cluster((8, "shape-1")))

    def test_a_trial_takes_fewer_images(self):
        bundles, _ = plan.read(COMMITTED, count=12)
        self.assertEqual({run.count for run in bundles[1].series[0].runs}, {12})
        whole, _ = plan.read(COMMITTED)
        published = lambda bundles: [run.count for bundle in bundles for series in bundle.series if series.name == "published"
                                     for run in series.runs]
        self.assertTrue(0 < min(published(whole)) < 12 < max(published(whole)))
        self.assertEqual(published(bundles), [min(count, 12) for count in published(whole)])

    def test_mistakes_are_named(self):
        entry = json.loads(COMMITTED.read_text())

        def misspelt(bundle):
            bundle["serie"] = []

        def bar(bundle):
            bundle["bars"].append({"deform": "tps", "measure": "beauty", "atLeast": 1})

        def unbound(bundle):
            bundle["bars"].append({"deform": "tps", "measure": "mean"})

        def twice(bundle):
            bundle["series"][0]["runs"] *= 2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plan.json"
            for change, message in ((misspelt, "serie is not known"), (bar, "beauty"), (unbound, "no bound"), (twice, "planned twice")):
                copy = json.loads(json.dumps(entry))
                change(copy["bundles"][0])
                path.write_text(json.dumps(copy))
                with self.subTest(change.__name__), self.assertRaisesRegex(ValueError, message):
                    plan.read(path)


if __name__ == "__main__":
    unittest.main()
