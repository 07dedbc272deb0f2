"""Exports of the small networks by this PyTorch: sizes, files, and that one failure does not stop the others."""

import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import export_fixtures
import fixture_models


def read(path):
    return np.array(numpy_helper.to_array(onnx.load_tensor(str(path))))


class FixtureTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def test_networks_are_small_and_the_same_each_time(self):
        for name, fixture in fixture_models.FIXTURES.items():
            first, second = (fixture_models.build(name) for _ in range(2))
            self.assertLess(sum(tensor.numel() * 4 for tensor in first.state_dict().values()), 56_000, name)
            x = torch.randn(fixture.input[1])
            self.assertTrue(torch.equal(first(x), second(x)), name)

    def test_plain_calls_write_outputs_and_gradients_of_the_network(self):
        export_fixtures.by_plain_calls("separable", "torchscript", 17, self.folder)
        data = self.folder / "test_data_set_0"
        x = torch.from_numpy(read(data / "input_0.pb")).requires_grad_(True)
        y = fixture_models.build("separable")(x)
        np.testing.assert_allclose(y.detach().numpy(), read(data / "output_0.pb"), atol=1e-5)
        (gradient,) = torch.autograd.grad(y, x, torch.from_numpy(read(data / "output_grad.pb")))
        np.testing.assert_allclose(gradient.numpy(), read(data / "image_grad.pb"), atol=1e-4)

    def test_an_export_is_written_by_the_tool_and_described(self):
        entry = export_fixtures.run(("classifier", "torchscript", 17), self.folder, 60)
        self.assertTrue(entry["written"], entry)
        self.assertLess(entry["modelBytes"], export_fixtures.MODEL_BYTES)
        self.assertTrue((self.folder / entry["name"] / "reference.json").exists())
        self.assertEqual(entry["opsetWritten"], 17)

    def test_a_failure_is_an_entry_and_leaves_no_folder(self):
        entry = export_fixtures.run(("classifier", "torchscript", 3), self.folder, 60)
        self.assertFalse(entry["written"])
        self.assertIn("opset", entry["why"].lower())
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_lasts_too_long_is_ended(self):
        code, why = export_fixtures.call([sys.executable, "-c", "import time; time.sleep(30)"], 1)
        self.assertIsNone(code)
        self.assertIn("stopped", why)

    def test_what_is_not_started_is_an_entry(self):
        entry = export_fixtures.run(("classifier", "torchscript", 17), self.folder, 0)
        self.assertFalse(entry["written"])
        self.assertIn("not started", entry["why"])


if __name__ == "__main__":
    unittest.main()
