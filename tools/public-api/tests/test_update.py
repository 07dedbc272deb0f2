"""What is read from an analyzer's log, and how files are written."""
import json
import pathlib
import tempfile
import unittest

import update


class UpdateTests(unittest.TestCase):
    """A log and a file in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "file"

    def test_entries_are_those_of_the_rule_as_the_analyzer_spells_them(self):
        results = [
            {"ruleId": "RS0016", "message": {"text": "Symbol 'Short' is not part of the declared public API"},
             "properties": {"customProperties": {"APIName": "Long.Name() -> void"}}},
            {"ruleId": "RS0017",
             "message": {"text": "Symbol 'Old.It's' is part of the declared API, but is either not public or could not be found"}},
            {"ruleId": "IDE0011", "message": {"text": "Symbol 'x' is"}},
        ]
        self.path.write_text(json.dumps({"runs": [{"results": results}, {}]}), encoding="utf-8-sig")
        self.assertEqual(["Long.Name() -> void"], list(update.entries(self.path, update.NEW)))
        self.assertEqual(["Old.It's"], list(update.entries(self.path, update.GONE)))

    def test_files_hold_each_entry_once_and_sorted(self):
        update.write(self.path, ["b", "a", "b"])
        self.assertEqual("#nullable enable\na\nb\n", self.path.read_text(encoding="utf-8"))
        self.assertEqual(["a", "b"], update.read(self.path))


if __name__ == "__main__":
    unittest.main()
