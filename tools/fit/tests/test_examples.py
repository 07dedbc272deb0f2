import csv
import os
import tempfile
import unittest

import numpy as np
import onnx
import torch
from PIL import Image

import examples


class ExamplesTests(unittest.TestCase):
    def test_the_same_seed_draws_the_same_image_and_another_another(self):
        for example in examples.EXAMPLES.values():
            (image, truth), (again, same), (other, _) = (example.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
            np.testing.assert_array_equal(image, again)
            np.testing.assert_array_equal(truth, same)
            self.assertTrue((image != other).any())

    def test_both_lobes_are_there_and_touch_no_border(self):
        for seed in range(50):
            classes = examples.EXAMPLES["rgb-segmentation"].draw(np.random.default_rng(seed))[1]
            self.assertEqual({0, 1, 2}, set(np.unique(classes)))
            self.assertFalse(classes[[0, -1]].any() or classes[:, [0, -1]].any())
            left, right = (np.nonzero(classes == number)[1].mean() for number in (1, 2))
            self.assertLess(left, right)

    def test_score_of_segmentations_is_the_mean_iou_of_classes_but_the_background(self):
        truth = torch.tensor([[[0, 1, 1, 2]]])
        answer = torch.nn.functional.one_hot(torch.tensor([[[0, 1, 2, 2]]]), 3).permute(0, 3, 1, 2).float()
        self.assertAlmostEqual(.5, examples.score_of("segmentation", answer, truth))

    def test_score_of_points_is_the_mean_distance(self):
        truth = torch.zeros(1, 2, 2)
        self.assertAlmostEqual(2.5, examples.score_of("points", torch.tensor([[3., 4., 0., 0.]]), truth))

    def test_files_say_type_layout_and_batch(self):
        expected = {
            "channels-last": (onnx.TensorProto.FLOAT, ["batch", 48, 64, 3]), "fixed-batch": (onnx.TensorProto.FLOAT, [1, 1, 64, 64]),
            "bytes": (onnx.TensorProto.UINT8, ["batch", 1, 32, 32]), "rgb-segmentation": (onnx.TensorProto.FLOAT, ["batch", 3, 64, 96]),
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, (kind, shape) in expected.items():
                example = examples.EXAMPLES[name]
                example.counts = (2, 1)
                (images, _), _ = example.make(1)
                path = os.path.join(folder, name)
                examples.export(example, example.network(), images, path)
                given = onnx.load(path).graph.input[0].type.tensor_type
                self.assertEqual((kind, shape), (given.elem_type, [axis.dim_param or axis.dim_value for axis in given.shape.dim]))

    def test_truth_is_written_beside_the_images(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, file in (("bytes", "split.csv"), ("points", "points.csv"), ("quarter", "masks")):
                example = examples.EXAMPLES[name]
                drawn = [example.draw(np.random.default_rng(seed)) for seed in range(2)]
                at = os.path.join(folder, name)
                truths = np.stack([truth for _, truth in drawn])
                examples.write(example, at, np.stack([image for image, _ in drawn]), truths, "test")
                self.assertEqual(["test_0000.png", "test_0001.png"], sorted(os.listdir(os.path.join(at, "images"))))
                if file == "masks":
                    np.testing.assert_array_equal(truths[1], np.asarray(Image.open(os.path.join(at, file, "test_0001.png"))))
                    continue
                with open(os.path.join(at, file), newline="") as text: rows = list(csv.DictReader(text))
                if name == "bytes": self.assertEqual([("test_0001.png", str(truths[1]))], [(rows[1]["name"], rows[1]["label"])])
                else: self.assertEqual([f"{truths[1][4][0]:.4f}", f"{truths[1][4][1]:.4f}"], [rows[9]["column"], rows[9]["row"]])


if __name__ == "__main__":
    unittest.main()
