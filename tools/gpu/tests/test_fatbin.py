"""GPU code taken out of a library and put back, on a library made here."""

import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "fatbin.py"


def entry(architecture, code, kind=2):
    head = bytearray(64)
    struct.pack_into("<HHIQ", head, 0, kind, 257, 64, len(code))
    struct.pack_into("<I", head, 28, architecture)
    return bytes(head) + code


def container(*entries):
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def library(section):
    """The smallest 64-bit ELF file with a section ``.nv_fatbin`` and its names."""
    names = b"\0.nv_fatbin\0.shstrtab\0"
    head = bytearray(64)
    head[:5] = b"\x7fELF\x02"
    table = 64 + len(section) + len(names)
    struct.pack_into("<Q", head, 0x28, table)
    struct.pack_into("<HHH", head, 0x3A, 64, 3, 2)
    rows = b"\0" * 64
    for name, offset, size in ((1, 64, len(section)), (12, 64 + len(section), len(names))):
        rows += struct.pack("<IIQQQQ", name, 1, 0, 0, offset, size).ljust(64, b"\0")
    return bytes(head) + section + names + rows


class FatbinTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.file, self.rest = Path(temporary.name) / "library.so", Path(temporary.name) / "rest"

    def run_script(self, *words):
        return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)

    def write(self, *containers):
        self.file.write_bytes(library(b"\0" * 8 + b"".join(containers)))
        return self.file.read_bytes()

    def test_code_of_other_architectures_goes_and_all_else_stays(self):
        old = container(entry(75, b"turing##"), entry(90, b"hopper##"), entry(90, b"ptx.....", kind=1), entry(120, b"blackwel"))
        before = self.write(old)
        found = self.run_script("thin", str(self.file), str(self.rest), "--arch", "90")
        self.assertEqual(found.returncode, 0, found.stderr)
        new = container(entry(90, b"hopper##"), entry(90, b"ptx.....", kind=1))
        self.assertEqual(self.file.read_bytes(), before.replace(old, new.ljust(len(old), b"\0")))

    def test_a_container_without_the_architecture_is_left_as_it_is(self):
        self.write(container(entry(75, b"turing##")), container(entry(80, b"ampere##"), entry(90, b"hopper##")))
        self.assertEqual(self.run_script("thin", str(self.file), str(self.rest), "--arch", "90").returncode, 0)
        self.assertIn(b"turing##", self.file.read_bytes())
        self.assertNotIn(b"ampere##", self.file.read_bytes())

    def test_restoring_gives_the_same_bytes(self):
        before = self.write(
            container(entry(75, b"turing##"), entry(90, b"hopper##")), container(entry(90, b"more####"), entry(86, b"ga102###"))
        )
        self.run_script("thin", str(self.file), str(self.rest), "--arch", "90")
        self.assertNotEqual(self.file.read_bytes(), before)
        self.assertEqual(self.run_script("restore", str(self.file), str(self.rest)).returncode, 0)
        self.assertEqual(self.file.read_bytes(), before)

    def test_restoring_twice_is_refused(self):
        before = self.write(container(entry(75, b"turing##"), entry(90, b"hopper##")))
        self.run_script("thin", str(self.file), str(self.rest), "--arch", "90")
        self.run_script("restore", str(self.file), str(self.rest))
        self.assertIn("already", self.run_script("restore", str(self.file), str(self.rest)).stderr)
        self.assertEqual(self.file.read_bytes(), before)

    def test_an_architecture_that_is_not_there_is_refused(self):
        before = self.write(container(entry(75, b"turing##")))
        found = self.run_script("thin", str(self.file), str(self.rest), "--arch", "90")
        self.assertNotEqual(found.returncode, 0)
        self.assertIn("nothing to take out", found.stderr)
        self.assertEqual(self.file.read_bytes(), before)

    def test_a_rest_of_another_file_is_refused(self):
        self.write(container(entry(75, b"turing##"), entry(90, b"hopper##")))
        self.run_script("thin", str(self.file), str(self.rest), "--arch", "90")
        self.write(container(entry(75, b"turing##")))
        self.assertNotEqual(self.run_script("restore", str(self.file), str(self.rest)).returncode, 0)


if __name__ == "__main__":
    unittest.main()
