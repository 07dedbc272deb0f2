"""The rule of the genus label on drawn figures; IDX files good and bad."""

import gzip
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np

from diffeonn_tools import genus


def _drawn(*rows):
    """Bytes of a figure: ``#`` is ink."""
    return np.array([[255 if c == "#" else 0 for c in row] for row in rows], dtype=np.uint8)


class RuleTests(unittest.TestCase):
    def test_a_ring_has_one_hole(self):
        self.assertEqual(genus.genus(_drawn("####", "#..#", "#..#", "####")), 1)

    def test_a_hole_of_three_pixels_is_ignored(self):
        self.assertEqual(genus.genus(_drawn("#####", "#...#", "#####")), 0)

    def test_ink_that_touches_at_corners_only_closes_a_hole(self):
        self.assertEqual(genus.genus(_drawn(".###.", "#...#", "#...#", ".###.")), 1)

    def test_background_that_touches_at_corners_only_is_two_regions(self):
        self.assertEqual(genus.genus(_drawn("######", "#..###", "#..###", "###..#", "###..#", "######")), 2)

    def test_a_gap_opens_a_hole_also_at_the_image_border(self):
        self.assertEqual(genus.genus(_drawn("#..#", "#..#", "#..#", "####")), 0)

    def test_border_of_the_image_closes_nothing(self):
        self.assertEqual(genus.genus(_drawn("....", "####", "....")), 0)

    def test_three_holes_count_as_two(self):
        self.assertEqual(genus.genus(_drawn("##########", "#..#..#..#", "#..#..#..#", "##########")), 2)

    def test_ink_starts_at_the_threshold(self):
        ring = _drawn("####", "#..#", "#..#", "####") // 255
        self.assertEqual(genus.genus(ring * np.uint8(genus.THRESHOLD)), 1)
        self.assertEqual(genus.genus(ring * np.uint8(genus.THRESHOLD - 1)), 0)

    def test_the_image_is_left_as_it_was(self):
        image = _drawn("####", "#..#", "#..#", "####")
        before = image.copy()
        genus.genus(image)
        np.testing.assert_array_equal(image, before)


class FileTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def _write(self, name, images, magic=0x803, count=None):
        header = struct.pack(">4I", magic, len(images) if count is None else count, *images.shape[1:])
        (self.path / f"{name}.gz").write_bytes(gzip.compress(header + images.tobytes()))

    def test_validation_is_the_end_of_the_training_file(self):
        images = np.zeros((genus.VALIDATION + 3, 4, 4), np.uint8)
        images[2] = images[3] = 255
        self._write("train-images-idx3-ubyte", images)
        train, labels = genus.load_split(self.path, "train")
        self.assertEqual((tuple(train.shape), labels.tolist()), ((3, 1, 4, 4), [0, 0, 0]))
        val, _ = genus.load_split(self.path, "val")
        self.assertEqual((len(val), val[:2].flatten(1).mean(1).tolist()), (genus.VALIDATION, [1, 0]))

    def test_bad_files_are_named(self):
        images = np.zeros((2, 4, 4), np.uint8)
        for arguments, message in ((dict(magic=0x801), "starts with 0x00000801"), (dict(count=3), "its header of 3 images of 4x4")):
            self._write("t10k-images-idx3-ubyte", images, **arguments)
            with self.assertRaisesRegex(ValueError, message):
                genus.load_split(self.path, "test")
        with self.assertRaisesRegex(FileNotFoundError, "train-images-idx3-ubyte.gz' is missing"):
            genus.load_split(self.path, "train")


if __name__ == "__main__":
    unittest.main()
