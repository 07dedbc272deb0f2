"""Copies the first images of data folders into the kit: pairs of a ``split.csv``, or of MNIST's IDX files."""

import argparse
import csv
import gzip
import shutil
import struct
from pathlib import Path


def pairs(source, target, count, split, origin):
    """Images and masks that ``split.csv`` names for a split, of one source where it is given."""
    with (source / "split.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", split) == split and origin in (None, row.get("source"))][:count]
    if not rows:
        raise SystemExit(
            f"error: '{source / 'split.csv'}' names no image of split '{split}'" + (f" and source '{origin}'." if origin else ".")
        )
    for row in rows:
        for kind in ("images", "masks"):
            (target / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / kind / row["name"], target / kind / row["name"])
    with (target / "split.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return len(rows)


def digits(source, target, count):
    """The first digits of the test files, which then state that many."""
    target.mkdir(parents=True, exist_ok=True)
    for name, header in (("t10k-images-idx3-ubyte", 16), ("t10k-labels-idx1-ubyte", 8)):
        plain = source / name
        data = plain.read_bytes() if plain.exists() else gzip.decompress((source / f"{name}.gz").read_bytes())
        (there,) = struct.unpack_from(">I", data, 4)
        count = min(count, there)
        size = (len(data) - header) // there
        (target / name).write_bytes(data[:4] + struct.pack(">I", count) + data[8 : header + count * size])
    return count


def main():
    parser = argparse.ArgumentParser(description="Copies the first images of a data folder.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--split", default="test")
    parser.add_argument("--origin", help="only images of this source in split.csv")
    options = parser.parse_args()
    if (options.source / "split.csv").exists():
        print(f"{pairs(options.source, options.target, options.count, options.split, options.origin)} images of '{options.source}'")
    else:
        print(f"{digits(options.source, options.target, options.count)} digits of '{options.source}'")


if __name__ == "__main__":
    main()
