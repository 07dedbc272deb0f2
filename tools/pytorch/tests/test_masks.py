"""The loader of folders: masks as they are stored, split.csv, and what is refused."""

import struct
import tempfile
import unittest
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from diffeonn_tools import data, masks

I = masks.IGNORED


def png(values, depth, colour_type=0, palette=None):
    """A PNG file of one sample a pixel, of any depth."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    height, width = values.shape
    rows = []
    for row in values:
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)))
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    colours = chunk(b"PLTE", bytes(palette)) if palette else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + colours + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


class Values(unittest.TestCase):
    """The same cases as the library's MaskRulesTests."""

    def labels(self, classes, depth, values, others=(), palette=None):
        rules = masks.Rules(classes)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mask.png"
            path.write_bytes(png(np.array([values]), depth, 0 if palette is None else 3, palette))
            mask = masks.read(path)
        for number, (other_depth, other) in enumerate(others):
            rules.learn(masks.StoredMask(np.array([other]), (1 << other_depth) - 1), f"mask{number}.png")
        rules.learn(mask, "mask.png")
        return rules.labels(mask, "mask.png")[0].tolist()

    def test_are_labels(self):
        cases = [(2, 8, [0, 1], [0, 1]), (2, 8, [0, 255], [0, 1]), (2, 8, [0, 0], [0, 0]), (2, 8, [255, 255], [1, 1]),
                 (2, 8, [0, 1, 255], [0, 1, I]), (2, 8, [1, 255], [1, I]), (2, 16, [0, 1], [0, 1]), (2, 16, [0, 255], [0, 1]),
                 (2, 16, [0, 65535], [0, 1]), (2, 16, [0, 1, 255], [0, 1, I]), (2, 1, [0, 1], [0, 1]), (2, 2, [0, 3], [0, 1]),
                 (2, 4, [0, 15], [0, 1]), (2, 4, [0, 1], [0, 1]), (4, 8, [0, 1, 2, 3], [0, 1, 2, 3]), (4, 16, [0, 1, 2, 3], [0, 1, 2, 3]),
                 (4, 2, [0, 1, 3], [0, 1, 3]), (4, 8, [0, 3, 255], [0, 3, I]), (256, 8, [0, 255], [0, 255])]
        for classes, depth, values, expected in cases:
            with self.subTest(classes=classes, depth=depth, values=values):
                self.assertEqual(self.labels(classes, depth, values), expected)

    def test_that_are_no_labels_are_listed(self):
        cases = [(2, 8, [0, 60, 120, 180], "label 60; .*0, 60, 120, 180"), (2, 8, [0, 2, 255], "label 2; .*0, 2, 255"),
                 (2, 16, [0, 1, 65535], "label 65535; .*0, 1, 65535"), (4, 8, [0, 85, 170, 255], "label 85; .*0, 85, 170, 255"),
                 (4, 8, [0, 255], "label 255; .*0, 255"), (4, 8, [4], "label 4; expected 0 to 3")]
        for classes, depth, values, message in cases:
            with self.subTest(classes=classes, values=values), self.assertRaisesRegex(ValueError, message):
                self.labels(classes, depth, values)

    def test_0_and_255_mean_what_the_other_masks_say(self):
        self.assertEqual(self.labels(2, 8, [0, 255], [(8, [0, 1, 255])]), [0, I])
        self.assertEqual(self.labels(2, 8, [0, 255], [(1, [0, 1])]), [0, 1])
        self.assertEqual(self.labels(4, 8, [0, 255], [(8, [0, 2])]), [0, I])
        with self.assertRaisesRegex(ValueError, "'mask0.png' holds 0 and 1: whether 255"):
            self.labels(2, 8, [0, 255], [(8, [0, 1])])
        with self.assertRaisesRegex(ValueError, "nothing is left"):
            self.labels(2, 8, [255, 255], [(8, [0, 1, 255])])

    def test_of_palettes_are_indices(self):
        self.assertEqual(self.labels(4, 8, [0, 1, 2, 3], palette=[0, 0, 0, 128, 0, 0, 0, 128, 0, 9, 9, 9]), [0, 1, 2, 3])
        self.assertEqual(self.labels(4, 2, [0, 1, 2, 3], palette=[9, 0, 0, 128, 0, 0, 0, 128, 0, 9, 9, 9]), [0, 1, 2, 3])
        self.assertEqual(self.labels(2, 1, [0, 1], palette=[0, 0, 0, 255, 255, 255]), [0, 1])
        with self.assertRaisesRegex(ValueError, "0 is the grey level 255: by its index that is class 0, by its level 1"):
            self.labels(2, 1, [0, 1], palette=[255, 255, 255, 0, 0, 0])


class Folders(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        for kind in ("images", "masks"):
            (self.folder / kind).mkdir()
        self.square = np.zeros((8, 8), np.int64)
        self.square[2:5, 3:7] = 1

    def tearDown(self):
        self.temporary.cleanup()

    def add(self, name, mask, depth=8):
        Image.fromarray(np.full(mask.shape, 90, np.uint8)).save(self.folder / "images" / f"{name}.png")
        (self.folder / "masks" / f"{name}.png").write_bytes(png(mask, depth))

    def test_give_the_stored_labels_in_every_depth(self):
        for depth, top in ((8, 1), (8, 255), (16, 1), (16, 255), (16, 65535), (1, 1), (4, 15)):
            with self.subTest(depth=depth, top=top):
                self.add("a", self.square * top, depth)
                images, found = data.load_split(self.folder, "train", 8)
                self.assertEqual(found[0, 0].long().tolist(), self.square.tolist())
                self.assertAlmostEqual(float(images.mean()), 90 / 255, places=6)

    def test_resize_masks_as_before(self):
        self.add("a", np.kron(self.square, np.ones((2, 2), np.int64)) * 255)
        self.assertEqual(data.load_split(self.folder, "train", 8)[1][0, 0].long().tolist(), self.square.tolist())

    def test_refuse_what_training_cannot_take(self):
        for mask, message in ((self.square + 1, "holds the label 2; .*Its values: 1, 2"),
                              (self.square[:6] * 255, "8x6 pixels; the networks here take squares"),
                              (np.where(self.square > 0, 1, 255), "marks 52 pixels to ignore")):
            with self.subTest(message=message), self.assertRaisesRegex(ValueError, message):
                self.add("a", mask)
                data.load_split(self.folder, "train", 8)
        with self.assertRaisesRegex(ValueError, "3 classes; these tools train segmentations of two"):
            data.load_split(self.folder, "train", 8, classes=3)

    def test_leave_hidden_files_out(self):
        self.add("a", self.square)
        (self.folder / "images" / "._a.png").write_bytes(b"notes")
        self.assertEqual(len(data.load_split(self.folder, "train", 8)[0]), 1)

    def test_read_quoted_fields_or_refuse_the_row(self):
        self.add("a,b", self.square)
        self.add("c", self.square)
        table = self.folder / "split.csv"
        table.write_bytes('\ufeff"name", "split"\r\n"a,b.png","train"\r\n c.png , train\r\n\r\n'.encode())
        self.assertEqual(len(data.load_split(self.folder, "train", 8)[0]), 2)
        for text, message in (("name;split\n", "'name' is needed"), ("name,split\na.png\n", "line 2 has 1 fields"),
                              ('name,split\n"a"b.png,train\n', "line 2"), ('name,split\n"a.png,train\n', "line 2")):
            with self.subTest(text=text), self.assertRaisesRegex(ValueError, message):
                table.write_text(text)
                data.load_split(self.folder, "train", 8)


if __name__ == "__main__":
    unittest.main()
