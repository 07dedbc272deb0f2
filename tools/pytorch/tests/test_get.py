"""The getter: files are checked, bad ones leave nothing behind."""

import hashlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from diffeonn_tools import get


class GetTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source, self.output = Path(folder.name) / "from", Path(folder.name) / "to"
        self.source.mkdir()
        files = {"train-images-idx3-ubyte.gz": b"first", "t10k-images-idx3-ubyte.gz": b"second"}
        self.content = files
        patch = mock.patch.object(get, "MNIST_FILES", {name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
        patch.start()
        self.addCleanup(patch.stop)
        self.lines = []

    def _get(self, name="mnist", **arguments):
        get.get(name, self.output, log=self.lines.append, **arguments)

    def test_files_of_a_folder_are_taken(self):
        for name, content in self.content.items():
            (self.source / name).write_bytes(content)
        self._get(source=self.source)
        self.assertEqual({path.name: path.read_bytes() for path in self.output.iterdir()}, self.content)

    def test_a_wrong_file_is_refused_and_leaves_nothing(self):
        for name in self.content:
            (self.source / name).write_bytes(b"other")
        with self.assertRaisesRegex(ValueError, "train-images-idx3-ubyte.gz has SHA-256"):
            self._get(source=self.source)
        self.assertEqual(list(self.output.iterdir()), [])
        self._get(source=self.source, unverified=True)
        self.assertIn("NOT as expected", self.lines[0])

    def test_the_next_source_is_tried_and_what_is_there_is_kept(self):
        asked = []

        def open_url(address, timeout):
            asked.append(address)
            if address.startswith(get.MNIST_SOURCES[0]):
                raise OSError("no answer")
            return io.BytesIO(self.content[address.rsplit("/", 1)[1]])

        self._get(open_url=open_url)
        self.assertEqual(len(asked), 4)
        self._get(open_url=open_url)
        self.assertEqual(len(asked), 4)

    def test_no_source_with_the_right_file_is_an_error_that_names_them_all(self):
        with self.assertRaisesRegex(OSError, get.MNIST_SOURCES[2]):
            self._get(open_url=lambda address, timeout: io.BytesIO(b"<html>"))

    def test_lungs_need_a_folder_and_every_mask(self):
        with self.assertRaisesRegex(ValueError, "--from DIR"):
            self._get("lungs")
        (self.source / "split.csv").write_text("name,split,source\na.png,train,x\n")
        (self.source / "images").mkdir()
        (self.source / "images" / "a.png").write_bytes(b"")
        with self.assertRaisesRegex(FileNotFoundError, "masks"):
            self._get("lungs", source=self.source)


if __name__ == "__main__":
    unittest.main()
