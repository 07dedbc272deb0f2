"""The driver of the checks on a kit whose programs are stand-ins: order, limits, what is missing, results."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
GPUCHECK = """#!/bin/bash
while (($#)); do case $1 in --json) json=$2 ;; esac; [[ -n $name ]] || name=$1; shift; done
echo "$name starts"
case $name in
    race) sleep 30 ;;
    search) echo 'two answers differ'; exit 1 ;;
esac
echo "{\\"step\\": \\"$name\\"}" >"$json"
echo "$name is right"
"""


class CheckTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.kit, self.out = self.folder / "home/kit", self.folder / "out"
        (self.kit / "program").mkdir(parents=True)
        for name in ("models", "onnx", "data"):
            (self.kit / name).mkdir()
        shutil.copytree(TOOLS, self.kit / "tools/gpu", ignore=shutil.ignore_patterns("__pycache__"))
        (self.kit / "revision").write_text("abc\n")
        self.program("gpucheck", GPUCHECK)

    def program(self, name, text):
        path = self.kit / "program" / name
        path.write_text(text)
        path.chmod(0o755)

    def check(self, *words):
        return subprocess.run(
            ["bash", str(self.kit / "tools/gpu/check"), *words, "--out", str(self.out)], capture_output=True, text=True, check=False
        )

    def rows(self):
        """Results by step, in the table's order."""
        return {line.split()[0]: line[13:22].strip() for line in (self.out / "table.txt").read_text().splitlines()[1:]}

    def test_steps_run_in_the_order_named_and_leave_log_and_result(self):
        found = self.check("memory", "provider")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertLess(found.stdout.index("== memory"), found.stdout.index("== provider"))
        self.assertEqual(self.rows(), {"provider": "passed", "memory": "passed"})
        with tarfile.open(self.out / "report.tar.gz") as archive:
            self.assertEqual(json.load(archive.extractfile("json/provider.json")), {"step": "provider"})
            self.assertIn(b"memory is right", archive.extractfile("logs/memory.log").read())

    def test_a_failure_is_reported_and_the_next_step_runs(self):
        found = self.check("search", "memory")
        self.assertEqual(found.returncode, 1)
        self.assertEqual(self.rows(), {"search": "FAILED 1", "memory": "passed"})
        self.assertIn("two answers differ", found.stdout)

    def test_a_step_beyond_its_limit_is_ended(self):
        found = self.check("race", "memory", "--limit", "race=1")
        self.assertEqual(found.returncode, 1)
        self.assertEqual(self.rows(), {"race": "TIMED OUT", "memory": "passed"})

    def test_the_budget_bounds_all(self):
        self.check("race", "memory", "--budget", "6")
        self.assertEqual(self.rows(), {"race": "TIMED OUT", "memory": "skipped"})

    def test_a_later_call_waits_for_steps_in_the_background_and_shows_them(self):
        found = self.check("race", "--background", "--limit", "race=3")
        self.assertEqual((found.returncode, found.stdout), (0, "race run in the background\n"))
        begun = time.monotonic()
        found = self.check("memory")
        self.assertGreater(time.monotonic() - begun, 1.5)
        self.assertIn("waiting", found.stdout)
        self.assertEqual(found.returncode, 0)
        self.assertEqual(self.rows(), {"race": "TIMED OUT", "memory": "passed"})
        with tarfile.open(self.out / "report.tar.gz") as archive:
            self.assertIn("logs/race.log", archive.getnames())

    def test_a_kit_without_the_check_program_skips_its_steps(self):
        (self.kit / "program/gpucheck").unlink()
        found = self.check("provider")
        self.assertEqual(found.returncode, 0)
        self.assertEqual(self.rows(), {"provider": "skipped"})

    def test_other_models_and_images_are_named_where_the_kit_has_them(self):
        self.program("gpucheck", '#!/bin/sh\necho "$@"\n')
        self.assertNotIn("--onnx", self.check("gradients").stdout)
        (self.kit / "onnx/net").mkdir()
        self.assertIn(f"--onnx {self.kit}/onnx", self.check("gradients").stdout)
        (self.kit / "data/digits").mkdir()
        found = self.check("bundles").stdout
        self.assertIn(f"--data-mnist {self.kit}/data/digits", found)
        self.assertNotIn("--data-lungs", found)

    def test_scripts_of_a_checkout_take_the_kit_that_was_unpacked(self):
        shutil.copytree(TOOLS, self.folder / "checkout/tools/gpu", ignore=shutil.ignore_patterns("__pycache__"))
        found = subprocess.run(
            ["bash", str(self.folder / "checkout/tools/gpu/check"), "provider", "--out", str(self.out)],
            env={**os.environ, "DIFFEONN_GPU": str(self.folder / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(self.rows(), {"provider": "passed"})

    def test_unknown_words_are_refused(self):
        for words in (["gradient"], [""], ["--limit", "race"], ["--limit", "gradient=5"], ["--budget", "soon"], ["--budget", "0"],
                      ["--device", "tpu"]):
            self.assertEqual(self.check(*words).returncode, 2, words)


if __name__ == "__main__":
    unittest.main()
