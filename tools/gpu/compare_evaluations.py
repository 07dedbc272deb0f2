"""Compares two runs of ``diffeonn evaluate`` on the same images, as those of two devices: what may differ is rounding."""

import argparse
import csv
import json
import sys
from pathlib import Path

# Of the network alone nothing but rounding may be seen; the search amplifies it, so means are held to, and single images reported.
NAIVE, MEAN = 1e-3, 2e-3


def read(folder):
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def scores(row):
    return [name for name in row if name.endswith(("Iou", "Accuracy")) and row[name]]


def compare(first, second):
    """For each score the largest difference of an image, and that of the means."""
    if [row["name"] for row in first] != [row["name"] for row in second] or not first:
        raise SystemExit("error: the two runs are not of the same images.")
    found = {}
    for name in scores(first[0]):
        pairs = [(float(a[name]), float(b[name])) for a, b in zip(first, second)]
        found[name] = {"largest": max(abs(a - b) for a, b in pairs), "mean": abs(sum(a - b for a, b in pairs)) / len(pairs)}
    return found


def right(name, difference):
    return difference["mean"] <= MEAN and (name.startswith("diffeonn") or difference["largest"] <= NAIVE)


def main():
    parser = argparse.ArgumentParser(description="Compares two runs of 'diffeonn evaluate'.")
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--json", type=Path, help="file to add the result to")
    options = parser.parse_args()
    found = compare(read(options.first), read(options.second))
    wrong = [name for name, difference in found.items() if not right(name, difference)]
    seconds = [json.loads((folder / "summary.json").read_text())["secondsPerImage"] for folder in (options.first, options.second)]
    for name, difference in found.items():
        print(
            f"{name}: largest difference {difference['largest']:.2e}, of the means {difference['mean']:.2e}"
            + (", WRONG" if name in wrong else "")
        )
    print(f"seconds an image: {seconds[0]:.4f} and {seconds[1]:.4f}")
    if options.json:
        content = json.loads(options.json.read_text()) if options.json.exists() else []
        options.json.write_text(
            json.dumps(
                [*content, {"runs": [options.first.name, options.second.name], "differences": found, "secondsPerImage": seconds}], indent=1
            )
        )
    return 5 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
