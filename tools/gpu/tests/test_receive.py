"""Chunks received in any order, damaged, twice, of two kits; patches. The decoder is one that copies: chunks here are not packed."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "receive"


def kit(text, parts=3, group="kit", file="program/diffeonn.dll"):
    """Chunks of a kit with one file, and their list."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(f"{group}/{file}")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    data = buffer.getvalue()
    size = -(-len(data) // parts)
    chunks = {f"{group}.zst.{i + 1:03}": data[i * size : (i + 1) * size] for i in range(parts)}
    return chunks, "".join(f"{hashlib.sha256(chunk).hexdigest()}  {name}\n" for name, chunk in chunks.items())


class ReceiveTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.home, self.carried = self.folder / "home", self.folder / "carried"

    def carry(self, chunks, sums, *names, decoder=True):
        """One call: the folder with these chunks, and its ``receive``."""
        shutil.rmtree(self.carried, ignore_errors=True)
        self.carried.mkdir()
        for name in names:
            (self.carried / name).write_bytes(chunks[name])
        (self.carried / f"{next(iter(chunks)).split('.')[0]}.sums").write_text(sums)
        if decoder:
            (self.carried / "unzstd").write_text("#!/bin/sh\nexec cat\n")
            (self.carried / "unzstd").chmod(0o755)
        return self.receive()

    def receive(self):
        shutil.copy(SCRIPT, self.carried)
        return subprocess.run(
            ["bash", str(self.carried / "receive")],
            env={**os.environ, "DIFFEONN_GPU": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )

    def unpacked(self):
        file = self.home / "kit/program/diffeonn.dll"
        return file.read_bytes() if file.exists() else None

    def test_the_last_chunk_unpacks_whatever_the_order(self):
        chunks, sums = kit(b"program")
        names = sorted(chunks)
        for name in (names[2], names[0]):
            found = self.carry(chunks, sums, name)
            self.assertEqual(found.returncode, 0, found.stderr)
            self.assertIn("missing", found.stdout)
            self.assertIsNone(self.unpacked())
        self.assertIn("unpacked kit", self.carry(chunks, sums, names[1]).stdout)
        self.assertEqual(self.unpacked(), b"program")

    def test_chunks_without_the_decoder_wait_for_it(self):
        libraries = kit(b"library", group="base", file="program/libother.so")
        found = self.carry(*libraries, *libraries[0], decoder=False)
        self.assertEqual(found.returncode, 3)
        self.assertIn("first chunk", found.stderr)
        self.carry(*kit(b"program"), *kit(b"program")[0])
        self.assertIn("unpacked base", self.carry(*libraries, decoder=False).stdout)

    def test_a_second_time_nothing_is_done(self):
        chunks, sums = kit(b"program")
        self.carry(chunks, sums, *chunks)
        self.assertIn("already", self.receive().stdout)
        self.assertIn("already", self.carry(chunks, sums, *chunks).stdout)

    def test_a_damaged_chunk_is_refused_and_can_come_again(self):
        chunks, sums = kit(b"program")
        name = sorted(chunks)[0]
        found = self.carry({**chunks, name: b"x" + chunks[name][1:]}, sums, name)
        self.assertEqual(found.returncode, 3)
        self.assertIn("damaged", found.stderr)
        self.carry(chunks, sums, *chunks)
        self.assertEqual(self.unpacked(), b"program")

    def test_chunks_of_two_kits_do_not_mix(self):
        first, first_sums = kit(b"first")
        second, second_sums = kit(b"second")
        names = sorted(first)
        self.carry(first, first_sums, names[0])
        found = self.carry(second, second_sums, names[1], names[2])
        self.assertIn(f"missing: {names[0]}", found.stdout)
        self.carry(second, second_sums, names[0])
        self.assertEqual(self.unpacked(), b"second")

    def test_a_newer_kit_replaces_the_older_one(self):
        self.carry(*kit(b"first"), *kit(b"first")[0])
        (self.home / "kit/left").write_text("of the first")
        self.carry(*kit(b"second"), *kit(b"second")[0])
        self.assertEqual(self.unpacked(), b"second")
        self.assertFalse((self.home / "kit/left").exists())

    def test_libraries_and_program_lie_together_whichever_comes_first(self):
        kits = {"kit": kit(b"program"), "base": kit(b"library", group="base", file="program/libother.so")}
        for order in (("kit", "base"), ("base", "kit")):
            shutil.rmtree(self.home, ignore_errors=True)
            for name in order:
                self.carry(*kits[name], *kits[name][0])
            self.assertEqual((self.unpacked(), (self.home / "kit/program/libother.so").read_bytes()), (b"program", b"library"))

    def test_newer_libraries_replace_the_older_ones(self):
        for text in (b"first", b"second"):
            self.carry(*kit(b"program"), *kit(b"program")[0])
            self.carry(*kit(text, group="base", file="program/libother.so"), *kit(text, group="base", file="program/libother.so")[0])
            self.assertEqual((self.unpacked(), (self.home / "kit/program/libother.so").read_bytes()), (b"program", text))

    def test_a_patch_replaces_files_of_the_kit(self):
        self.carry(*kit(b"program"), *kit(b"program")[0])
        shutil.rmtree(self.carried)
        (self.carried / "files").mkdir(parents=True)
        (self.carried / "files/diffeonn.dll").write_bytes(b"mended")
        self.assertIn("patched 1 files", self.receive().stdout)
        self.assertEqual(self.unpacked(), b"mended")

    def test_a_patch_before_the_kit_is_refused(self):
        (self.carried / "files").mkdir(parents=True)
        self.assertEqual(self.receive().returncode, 3)


if __name__ == "__main__":
    unittest.main()
