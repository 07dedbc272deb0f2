import importlib.machinery
import importlib.util
import os
import unittest

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "check")
LOADER = importlib.machinery.SourceFileLoader("fit_check", PATH)
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("fit_check", LOADER))
LOADER.exec_module(check)


def row(naive, clean, ours, measure="iou", **others):
    return {"measure": measure, "naive": naive, "clean": clean, "diffeonn": ours, **others}


class CheckTests(unittest.TestCase):
    def test_the_share_of_the_gap_counts_distances_downwards(self):
        self.assertAlmostEqual(.5, check.closed(row(.5, .9, .7)))
        self.assertAlmostEqual(.75, check.closed(row(5, 1, 2, "distance")))
        self.assertIsNone(check.closed(row(.9, .9, .9)))

    def test_a_share_below_the_bar_is_not_enough(self):
        self.assertEqual(("closes 0.8", False), check.judge(("closed", .8), row(0, 1, .79)))
        self.assertEqual(("closes 0.8", True), check.judge(("closed", .8), row(0, 1, .8)))

    def test_undeformed_images_may_lose_what_the_bar_grants(self):
        self.assertEqual(("not below clean by 0.002", True), check.judge(("clean", .002), row(.9, .9, .898)))
        self.assertFalse(check.judge(("clean", .002), row(.9, .9, .897))[1])
        self.assertEqual(("not below naive", True), check.judge(("naive", 0), row(.9, .9, .9)))

    def test_helping_is_being_better_than_the_network_alone(self):
        self.assertFalse(check.judge(("helps", 0), row(5, 1, 5, "distance"))[1])
        self.assertTrue(check.judge(("helps", 0), row(5, 1, 4.9, "distance"))[1])

    def test_a_committed_bundle_is_compared_with(self):
        self.assertTrue(check.judge(("committed", .005), row(.5, .9, .795, committed=.8))[1])
        self.assertFalse(check.judge(("committed", .005), row(.5, .9, .794, committed=.8))[1])


if __name__ == "__main__":
    unittest.main()
