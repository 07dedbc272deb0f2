"""The references of gradients: every network against differences of itself, and the files that are written."""

import tempfile
import unittest
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools import gradient_references as references


class GradientReferenceTests(unittest.TestCase):
    def test_gradients_agree_with_differences_along_a_direction(self):
        for name, reference in references.REFERENCES.items():
            with self.subTest(name):
                network = references.build(reference, 1)
                inputs = references.draw(reference.inputs, 2)
                values = references.differentiate(network, reference, inputs)
                network = network.double()
                floats = [row[0] for row in reference.inputs if values[row[0]].is_floating_point()]
                directions = {key: torch.randn_like(values[key]) for key in floats}
                weight = dict(network.named_parameters())
                first = next(key for key in weight if key + "_grad" in values)
                claimed = sum(float((values[key + "_grad"] * d).sum()) for key, d in directions.items())
                claimed += float(values[first + "_grad"].sum())

                def at(step):
                    with torch.no_grad():
                        moved = [values[row[0]] + (step * directions[row[0]] if row[0] in directions else 0) for row in reference.inputs]
                        weight[first] += step
                        outputs = network(*moved)
                        weight[first] -= step
                    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
                    return sum(float((y * values[key + "_grad"]).sum()) for key, y in zip(reference.outputs, outputs))

                found = (at(1e-8) - at(-1e-8)) / 2e-8  # so short that no kink lies between
                self.assertAlmostEqual(found, claimed, delta=1e-4 * max(1, abs(claimed)))

    def test_the_files_hold_every_gradient_and_the_batch_is_free_in_one_of_the_models(self):
        with tempfile.TemporaryDirectory() as folder:
            references.write(Path(folder), "dcgan_critic")
            tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(f"{folder}/dcgan_critic.tensors.onnx").graph.initializer}
            free, plain = (onnx.load(f"{folder}/dcgan_critic{kind}.onnx").graph for kind in ("", ".plain"))
        self.assertEqual(tensors["image_grad"].shape, (references.BATCH, 1, 32, 32))
        for weight in plain.initializer:
            if "running" not in weight.name:
                self.assertIn(weight.name + "_grad", tensors)
        self.assertEqual(free.input[0].type.tensor_type.shape.dim[0].dim_param, "N")
        self.assertEqual(plain.input[0].type.tensor_type.shape.dim[0].dim_value, references.BATCH)


if __name__ == "__main__":
    unittest.main()
