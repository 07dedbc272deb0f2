"""Writes maps.bin: random deformations drawn by tools/pytorch, which the C# generator must reproduce.

Run from anywhere with NumPy installed: python make_maps.py
Float64, little endian, in this order: preset (tps, tps-strong, svf, twist), then size (16x12, 9x9; rows x columns), then seed 0..4 with
image number = seed, then the displacement (2, rows, columns).
"""

import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "tools" / "pytorch"))

from diffeonn_tools.deformations import random_map  # noqa: E402

maps = [
    random_map(preset, seed, seed, height, width).ravel()
    for preset in ("tps", "tps-strong", "svf", "twist")
    for height, width in ((16, 12), (9, 9))
    for seed in range(5)
]
np.concatenate(maps).astype("<f8").tofile(HERE / "maps.bin")
