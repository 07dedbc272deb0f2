"""ONNX graphs as PyTorch modules: the bundles' networks against their references, and forms that no bundle has against values by hand."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import onnx_torch
import pytorch_bench

MODELS = Path(__file__).resolve().parents[3] / "models"


class BundleTests(unittest.TestCase):
    def test_networks_and_energy_agree_with_the_references(self):
        for bundle in ("lungs", "genus", "shapes"):
            manifest = json.loads((MODELS / bundle / "diffeonn.json").read_text())
            for name, create in pytorch_bench.NETWORKS.items():
                error, cosine = pytorch_bench.verify(
                    create(MODELS / bundle, manifest).eval(), MODELS / bundle / "reference" / name / "test_data_set_0", "cpu"
                )
                self.assertLess(error, 1e-5, (bundle, name))
                self.assertGreater(cosine, 1 - 1e-6, (bundle, name))

    def test_a_network_of_other_weights_is_not_taken_for_right(self):
        manifest = json.loads((MODELS / "genus" / "diffeonn.json").read_text())
        network = pytorch_bench.Inner(MODELS / "genus", manifest).eval()
        with torch.no_grad():
            next(buffer for buffer in network.buffers() if buffer.dim() == 4).mul_(1.5)
        error, _ = pytorch_bench.verify(network, MODELS / "genus/reference/inner/test_data_set_0", "cpu")
        self.assertGreater(error, pytorch_bench.TOLERANCE)


class OperatorTests(unittest.TestCase):
    def run_node(self, kind, x, *constants, opset=17, **attributes):
        """The first output of one node whose further inputs are constants; an empty one is left out."""
        names = [f"c{i}" if value is not None else "" for i, value in enumerate(constants)]
        node = helper.make_node(kind, ["x", *names], ["y"], name="node", **attributes)
        graph = helper.make_graph(
            [node],
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(x.shape))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in zip(names, constants) if value is not None],
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), str(path))
            return onnx_torch.load(path)(torch.from_numpy(np.asarray(x, np.float32)))[0].numpy()

    def test_convolution_with_other_padding_at_each_end(self):
        x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
        found = self.run_node("Conv", x, np.ones((1, 1, 2, 2), np.float32), kernel_shape=[2, 2], pads=[1, 0, 0, 1])
        np.testing.assert_allclose(found[0, 0], [[1, 3, 2], [8, 12, 7], [20, 24, 13]])

    def test_padding_of_two_axes_is_in_the_right_order(self):
        found = self.run_node("Pad", np.ones((1, 1, 1, 2), np.float32), np.array([0, 0, 2, 0, 0, 0, 0, 1], np.int64), np.float32(7))
        np.testing.assert_allclose(found[0, 0], [[7, 7, 7], [7, 7, 7], [1, 1, 7]])

    def test_average_at_the_border_counts_the_padding_only_where_asked(self):
        x = np.full((1, 1, 2, 2), 4, np.float32)
        inside = self.run_node("AveragePool", x, kernel_shape=[2, 2], pads=[1, 1, 1, 1])
        outside = self.run_node("AveragePool", x, kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
        self.assertEqual((inside[0, 0, 0, 0], outside[0, 0, 0, 0]), (4, 1))

    def test_resizing_between_pixels_and_between_corners(self):
        x = np.array([[[[0, 1]]]], np.float32)
        sizes = np.array([1, 1, 1, 4], np.int64)
        np.testing.assert_allclose(self.run_node("Resize", x, None, None, sizes, mode="linear")[0, 0, 0], [0, 0.25, 0.75, 1])
        np.testing.assert_allclose(
            self.run_node("Resize", x, None, None, sizes, mode="linear", coordinate_transformation_mode="align_corners")[0, 0, 0],
            [0, 1 / 3, 2 / 3, 1],
            atol=1e-6,
        )

    def test_reshaping_keeps_a_size_of_zero(self):
        self.assertEqual(self.run_node("Reshape", np.zeros((2, 3, 4), np.float32), np.array([0, -1], np.int64)).shape, (2, 12))

    def test_product_with_transposed_weights(self):
        x, w, b = np.array([[1, 2]], np.float32), np.array([[1, 0], [0, 10], [1, 1]], np.float32), np.array([0, 0, 5], np.float32)
        np.testing.assert_allclose(self.run_node("Gemm", x, w, b, transB=1), [[1, 20, 8]])
        np.testing.assert_allclose(self.run_node("Gemm", x, w.T.copy(), b), [[1, 20, 8]])

    def test_what_has_no_counterpart_is_named(self):
        x = np.zeros((1, 1, 4, 4), np.float32)
        for kind, options, word in (
            ("Softsign", {}, "Softsign"),
            ("MaxPool", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}, "auto_pad"),
            ("MaxPool", {"kernel_shape": [2, 2], "pads": [1, 0, 0, 0]}, "pads"),
        ):
            with self.assertRaisesRegex(onnx_torch.Unsupported, word):
                self.run_node(kind, x, **options)


class BenchTests(unittest.TestCase):
    def test_results_hold_each_network_and_batch_size(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            code = pytorch_bench.main(
                [
                    "--models",
                    str(MODELS),
                    "--bundles",
                    "genus",
                    "--device",
                    "cpu",
                    "--modes",
                    "eager",
                    "--batches",
                    "2",
                    "1",
                    "--each",
                    "0.01",
                    "--json",
                    str(file),
                ]
            )
            content = json.loads(file.read_text())
        self.assertEqual(code, 0)
        found = {(m["network"], m["batch"], m["work"]) for m in content["measurements"]}
        self.assertEqual(
            found, {(name, batch, work) for name in ("inner", "energy") for batch in (1, 2) for work in ("forward", "gradient")}
        )
        self.assertTrue(all(m["medianMs"] > 0 for m in content["measurements"]))

    def test_what_the_time_does_not_allow_is_listed(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            pytorch_bench.main(
                [
                    "--models",
                    str(MODELS),
                    "--bundles",
                    "genus",
                    "--device",
                    "cpu",
                    "--modes",
                    "eager",
                    "--seconds",
                    "0.5",
                    "--json",
                    str(file),
                ]
            )
            content = json.loads(file.read_text())
        self.assertEqual(content["measurements"], [])
        self.assertIn("not measured", content["skipped"][0]["why"])


if __name__ == "__main__":
    unittest.main()
