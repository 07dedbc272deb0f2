"""Images cut from data folders, and two evaluations compared."""

import csv
import gzip
import json
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent


def run(script, *words):
    return subprocess.run([sys.executable, str(TOOLS / script), *map(str, words)], capture_output=True, text=True, check=False)


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)


class ImageTests(Folder):
    def test_the_first_pairs_of_a_split_and_source(self):
        source = self.folder / "data"
        rows = [("a.png", "train", "x"), ("b.png", "test", "y"), ("c.png", "test", "x"), ("d.png", "test", "x"), ("e.png", "test", "x")]
        for kind in ("images", "masks"):
            (source / kind).mkdir(parents=True)
            for name, *_ in rows:
                (source / kind / name).write_text(f"{kind} {name}")
        (source / "split.csv").write_text("name,split,source\n" + "".join(",".join(row) + "\n" for row in rows))
        found = run("take_images.py", source, self.folder / "cut", "--count", 2, "--origin", "x")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(sorted(path.name for path in (self.folder / "cut/masks").iterdir()), ["c.png", "d.png"])
        self.assertEqual((self.folder / "cut/images/d.png").read_text(), "images d.png")
        with (self.folder / "cut/split.csv").open(newline="") as file:
            self.assertEqual([row["name"] for row in csv.DictReader(file)], ["c.png", "d.png"])
        self.assertNotEqual(run("take_images.py", source, self.folder / "none", "--origin", "z").returncode, 0)

    def test_the_first_digits_packed_or_not(self):
        source = self.folder / "mnist"
        source.mkdir()
        pixels, labels = bytes(range(3 * 4)), bytes((7, 2, 1))
        (source / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(struct.pack(">IIII", 2051, 3, 2, 2) + pixels))
        (source / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, 3) + labels)
        self.assertEqual(run("take_images.py", source, self.folder / "cut", "--count", 2).returncode, 0)
        self.assertEqual((self.folder / "cut/t10k-images-idx3-ubyte").read_bytes(), struct.pack(">IIII", 2051, 2, 2, 2) + pixels[:8])
        self.assertEqual((self.folder / "cut/t10k-labels-idx1-ubyte").read_bytes(), struct.pack(">II", 2049, 2) + labels[:2])


class ComparisonTests(Folder):
    def write(self, name, rows):
        folder = self.folder / name
        folder.mkdir()
        with (folder / "samples.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, ["name", "naiveIou", "diffeonnIou", "inputEnergy"])
            table.writeheader()
            table.writerows({"name": name, "naiveIou": a, "diffeonnIou": b, "inputEnergy": 1} for name, a, b in rows)
        (folder / "summary.json").write_text(json.dumps({"secondsPerImage": 0.1}))
        return folder

    def compare(self, first, second):
        return run(
            "compare_evaluations.py", self.write("first", first), self.write("second", second), "--json", self.folder / "result.json"
        )

    def test_rounding_is_right(self):
        found = self.compare([("a", 0.5, 0.9), ("b", 0.6, 0.8)], [("a", 0.5004, 0.903), ("b", 0.6, 0.797)])
        self.assertEqual(found.returncode, 0, found.stdout)
        differences = json.loads((self.folder / "result.json").read_text())[0]["differences"]
        self.assertAlmostEqual(differences["diffeonnIou"]["largest"], 0.003)
        self.assertAlmostEqual(differences["diffeonnIou"]["mean"], 0)

    def test_another_answer_of_the_network_alone_is_wrong(self):
        found = self.compare([("a", 0.5, 0.9), ("b", 0.6, 0.8)], [("a", 0.502, 0.9), ("b", 0.598, 0.8)])
        self.assertEqual(found.returncode, 5)
        self.assertRegex(found.stdout, "naiveIou: .*WRONG")

    def test_another_mean_is_wrong(self):
        self.assertEqual(self.compare([("a", 0.5, 0.9)], [("a", 0.5, 0.895)]).returncode, 5)

    def test_other_images_are_refused(self):
        self.assertIn("same images", self.compare([("a", 0.5, 0.9)], [("b", 0.5, 0.9)]).stderr)


if __name__ == "__main__":
    unittest.main()
