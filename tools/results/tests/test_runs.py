"""Finished runs are kept, others made again, failed ones told."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

from diffeonn_results import plan, program, runs

PROGRAM = """#!{python}
import pathlib, sys
arguments = sys.argv[1:]
count = pathlib.Path({counter!r})
count.write_text(str(int(count.read_text()) + 1))
if "fail" in arguments:
    print("progress")
    print("error: " + arguments[2] + " is broken.")
    sys.exit(3)
(pathlib.Path(arguments[arguments.index("--output") + 1]) / "summary.json").write_text(" ".join(arguments))
sys.exit(9 if "infinite" in arguments else 0)
"""


class RunnerTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.counter = self.folder / "counter"
        self.counter.write_text("0")
        self.program = self.folder / "diffeonn"
        self.program.write_text(PROGRAM.format(python=sys.executable, counter=str(self.counter)))
        self.program.chmod(0o755)
        self.bundle = self.folder / "models" / "b"
        self.bundle.mkdir(parents=True)
        self._manifest({"name": "b", "energy": {"vae": 1}, "description": "old"})
        (self.bundle / "inner.onnx").write_bytes(b"weights")
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.data / "a.png").write_bytes(b"image")
        self.lines = []

    def _manifest(self, content):
        (self.bundle / "diffeonn.json").write_text(json.dumps(content))

    def _runner(self, version="v1", **options):
        return runs.Runner(self.program, version, self.folder / "cache", self.folder / "models", {"set": str(self.data)},
                           self.lines.append, **options)

    @staticmethod
    def _planned(seed=1, options=()):
        return plan.Run("b", "best", "set", "test", None, "tps", seed, None, tuple(options))

    def _calls(self):
        return int(self.counter.read_text())

    def test_a_variant_is_a_bundle_of_its_own(self):
        self._manifest({"name": "b", "energy": {"vae": 1}, "optimiser": {"passes": 3, "start": "identity"}, "references": ["r"],
                        "models": {"inner": {"file": "inner.onnx"}, "augmented": {"file": "augmented.onnx"}}})
        (self.bundle / "augmented.onnx").write_bytes(b"others")
        variant = json.dumps({"models": {"inner": "augmented"}, "optimiser": {"identityWeight": 1, "start": None}})
        planned = plan.Run("b", "augmented", "set", "test", None, "tps", 1, None, (), variant)
        done = self._runner().run(planned)
        folder = Path((done.folder / "summary.json").read_text().split("--model ")[1].split()[0])
        manifest = json.loads((folder / "diffeonn.json").read_text())
        self.assertEqual(manifest["models"]["inner"], {"file": "augmented.onnx"})
        self.assertEqual(manifest["optimiser"], {"passes": 3, "identityWeight": 1})
        self.assertNotIn("references", manifest)
        self.assertEqual((folder / "augmented.onnx").read_bytes(), b"others")
        self.assertEqual(self._runner().run(planned).folder, done.folder)
        self.assertEqual(self._calls(), 1, "the same variant is the same bundle")
        (self.bundle / "augmented.onnx").write_bytes(b"trained again")
        self._runner().run(planned)
        self.assertEqual(self._calls(), 2)

    def test_a_finished_run_is_kept(self):
        done = self._runner().run(self._planned())
        self.assertIn("--deform tps --seed 1", (done.folder / "summary.json").read_text())
        self.assertEqual(done.record["exitCode"], 0)
        again = self._runner().run(self._planned())
        self.assertEqual((again.folder, self._calls()), (done.folder, 1))

    def test_whatever_results_depend_on_makes_a_new_run(self):
        self._runner().run(self._planned())
        self._runner().run(self._planned(seed=2))
        self._runner(version="v2").run(self._planned())
        self.assertEqual(self._calls(), 3)
        for change in (lambda: (self.bundle / "inner.onnx").write_bytes(b"other"),
                       lambda: self._manifest({"name": "b", "energy": {"vae": 2}, "description": "old"}),
                       lambda: (self.data / "a.png").write_bytes(b"another")):
            before = self._calls()
            change()
            self._runner().run(self._planned())
            self.assertEqual(self._calls(), before + 1)

    def test_words_for_people_do_not(self):
        self._runner().run(self._planned())
        self._manifest({"name": "b", "energy": {"vae": 1}, "description": "new", "provenance": {"notes": "x"}})
        self._runner().run(self._planned())
        self.assertEqual(self._calls(), 1)

    def test_another_version_counts_if_asked_for(self):
        first = self._runner(version="v1").run(self._planned())
        self.assertIsNone(self._runner(version="v2").find(self._planned()))
        self.assertEqual(self._runner(version="v2", any_version=True).run(self._planned()).folder, first.folder)
        self.assertEqual(self._runner(version="v2", any_version=True).find(self._planned(seed=3)), None)

    def test_an_interrupted_run_is_made_again(self):
        done = self._runner().run(self._planned())
        done.folder.rename(done.folder.with_name(done.folder.name + ".partial"))
        self.assertIsNone(self._runner(any_version=True).find(self._planned()))
        self._runner().run(self._planned())
        self.assertEqual(self._calls(), 2)

    def test_a_failure_is_told_and_not_kept(self):
        with self.assertRaisesRegex(RuntimeError, "exit code 3: error: models/b is broken."):
            self._runner().run(self._planned(options=["fail"]))
        self.assertIsNone(self._runner().find(self._planned(options=["fail"])))

    def test_energies_that_are_not_finite_are_a_result(self):
        self.assertEqual(self._runner().run(self._planned(options=["infinite"])).record["exitCode"], 9)


class ProgramTests(unittest.TestCase):
    def test_version_is_that_of_the_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "src" / "a" / "obj").mkdir(parents=True)
            for name in (*program.SETTINGS, "src/a/A.cs", "src/a/README.md", "src/a/obj/B.cs"):
                (root / name).write_text(name)
            first = program.version(root)
            (root / "src/a/README.md").write_text("changed")
            (root / "src/a/obj/B.cs").write_text("changed")
            self.assertEqual(program.version(root), first)
            (root / "src/a/A.cs").write_text("changed")
            self.assertNotEqual(program.version(root), first)


if __name__ == "__main__":
    unittest.main()
