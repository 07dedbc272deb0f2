"""Gradients beside a bundle's reference tensors."""

import json
import tempfile
import unittest
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools import manifest, train

CONFIG = json.loads((Path(__file__).parents[1] / "configs" / "small.json").read_text())


class BundleGradientTests(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(3)
        self.networks = {role: train.build(role, CONFIG).eval() for role in ("inner", "vae", "critic")}
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        manifest.write_bundle(self.folder, CONFIG, self.networks)

    def _files(self):
        return {file.relative_to(self.folder): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}

    def _tensor(self, role, name):
        return torch.from_numpy(
            numpy_helper.to_array(onnx.load_tensor(str(self.folder / "reference" / role / "test_data_set_0" / name))).copy()).double()

    def test_added_ones_are_those_that_the_bundle_is_written_with_and_nothing_else_changes(self):
        before = self._files()
        gradients = list(self.folder.glob("reference/*/test_data_set_0/*_grad.pb"))
        self.assertEqual(len(gradients), 2 + 4 + 2)
        for file in gradients:
            file.unlink()
        manifest.add_gradients(self.folder, CONFIG, self.networks)
        self.assertEqual(self._files(), before)

    def test_gradient_is_the_slope_of_the_outputs_and_of_order_one(self):
        image, gradient = self._tensor("vae", "input_0.pb"), self._tensor("vae", "image_grad.pb")
        self.assertAlmostEqual(float(gradient.pow(2).mean()), 1, places=5)
        vae = self.networks["vae"].double()
        upstream = [self._tensor("vae", f"{name}_grad.pb") for name in ("reconstruction", "mu", "logvar")]
        direction = torch.randn(image.shape, dtype=torch.float64)

        def at(step):
            return sum(float((y * g).sum()) for y, g in zip(vae(image + step * direction), upstream))

        with torch.no_grad():
            slope = (at(1e-6) - at(-1e-6)) / 2e-6
        self.assertAlmostEqual(slope, float((gradient * direction).sum()), delta=1e-4 * abs(slope))

    def test_networks_of_another_training_are_refused(self):
        with torch.no_grad():
            self.networks["vae"].mu.weight.mul_(1.01)
        with self.assertRaisesRegex(ValueError, "vae.onnx' has other weights than the checkpoint"):
            manifest.add_gradients(self.folder, CONFIG, self.networks)

    def test_reference_outputs_of_another_network_are_refused(self):
        file = self.folder / "reference" / "critic" / "test_data_set_0" / "output_0.pb"
        file.write_bytes(numpy_helper.from_array((self._tensor("critic", "output_0.pb") * 1.001).float().numpy(),
                                                 "score").SerializeToString())
        with self.assertRaisesRegex(ValueError, "critic' was not written by this network: its 'score' differs by 1.0e-03"):
            manifest.add_gradients(self.folder, CONFIG, self.networks)


if __name__ == "__main__":
    unittest.main()
