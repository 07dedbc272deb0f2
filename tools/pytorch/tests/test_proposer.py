"""The proposer, its training pairs and its export; the augmented network; the curves and states of a training."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools import deformations, fields, intensity, manifest, networks, proposals, train
from diffeonn_tools.curves import History

CONFIG = json.loads((Path(__file__).parents[1] / "configs" / "small.json").read_text())


def _pairs(count=6, size=32):
    """A figure that shows where up and right are, a little larger from image to image, with its mask."""
    x, y = (torch.from_numpy(axis).float() for axis in deformations.coordinates(size, size))
    images = [((x - 0.1) ** 2 + (0.6 * y + 0.2) ** 2 < 0.12 + 0.01 * i) * (0.5 + 0.3 * x + 0.2 * y) for i in range(count)]
    images = torch.stack(images)[:, None]
    return images, (images > 0).float()


class ProposerTests(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.network = train.build("proposer", CONFIG)

    def test_untrained_proposal_is_the_identity(self):
        velocity = self.network.eval()(torch.rand(3, 1, 32, 32))
        self.assertEqual(velocity.shape, (3, 2, 8, 8))
        self.assertEqual(float(velocity.abs().max()), 0)

    def test_dense_head_gives_control_points_of_the_spline_and_components_in_order(self):
        points = torch.zeros(2, 4, 4)
        points[1, 2, 1] = 1
        with torch.no_grad():
            self.network.dense.bias.copy_(points.flatten())
        velocity = self.network.eval()(torch.rand(1, 1, 32, 32))
        torch.testing.assert_close(velocity, fields.spline(points[None], 8, 8))

    def test_cells_are_carried_to_nodes_by_their_places(self):
        basis = networks._linear_basis(4, 9)
        torch.testing.assert_close(basis.sum(1), torch.ones(9))
        centres = torch.arange(4) + 0.5
        torch.testing.assert_close(basis @ centres, torch.linspace(0, 4, 9).clamp(0.5, 3.5))

    def test_loss_falls_below_that_of_the_identity(self):
        images, masks = _pairs()
        config = {**CONFIG, "proposer": {**CONFIG["proposer"], "epochs": 60, "batch": 6, "learningRate": 0.01}}
        rows = []
        train.train("proposer", config, images, masks, images, masks, log=lambda text: None,
                    record=lambda epoch, figures: rows.append(figures))
        self.assertLess(rows[-1]["val after"], 0.7 * rows[-1]["val before"])
        self.assertGreater(rows[-1]["val overlap after"], rows[-1]["val overlap before"])

    def test_undeformed_images_cost_nothing_at_the_identity(self):
        images, masks = _pairs()
        config = {**CONFIG, "proposer": {**CONFIG["proposer"], "identity": 1.0, "intensity": 0.0}}
        parts = proposals.ProposerLoss(config, images, masks)(self.network, torch.arange(6), torch.Generator().manual_seed(1))
        for name, value in parts.items():
            self.assertLess(float(value), 1e-9, name)

    def test_labels_are_not_warped(self):
        images, _ = _pairs()
        loss = proposals.ProposerLoss(CONFIG, images, torch.zeros(6, dtype=torch.long))
        self.assertEqual(float(loss(self.network, torch.arange(6), torch.Generator().manual_seed(1))["mask"]), 0)

    def test_task_reaches_the_proposer_alone_and_only_from_its_share_of_the_training(self):
        images, masks = _pairs()
        inner = train.build("inner", CONFIG)
        for targets, network in ((masks, inner), (torch.zeros(6, dtype=torch.long), _Brightness())):
            config = {**CONFIG, "proposer": {**CONFIG["proposer"], "image": 0, "mask": 0, "displacement": 0, "smoothness": 0,
                                             "task": 1.0, "taskFrom": 0.5, "taskBatch": 4}}
            loss = proposals.ProposerLoss(config, images, targets, {"inner": network})
            self.assertEqual(float(loss(self.network, torch.arange(6), torch.Generator().manual_seed(1))["loss"]), 0)
            loss.progress = 0.5
            parts = loss(self.network, torch.arange(6), torch.Generator().manual_seed(1))
            self.network.zero_grad()
            parts["loss"].backward()
            self.assertGreater(float(self.network.dense.bias.grad.abs().max()), 0)
            self.assertTrue(all(p.grad is None for p in network.parameters()))

    def test_small_images_are_deformed_at_their_own_size_and_enlarged(self):
        images = torch.rand(6, 1, 16, 16)
        seen = []
        self.network.register_forward_hook(lambda module, given, result: seen.append(given[0].shape))
        loss = proposals.ProposerLoss({**CONFIG, "proposer": {**CONFIG["proposer"], "identity": 1.0, "intensity": 0.0}}, images,
                                      torch.zeros(6, dtype=torch.long))
        parts = loss(self.network, torch.arange(6), torch.Generator().manual_seed(1))
        self.assertEqual([tuple(shape) for shape in seen], [(6, 1, 32, 32)])
        self.assertLess(float(parts["image"]), 1e-9)

    def test_unrolled_passes_answer_for_what_the_first_proposal_leads_to(self):
        torch.nn.init.normal_(self.network.dense.weight, std=0.05)
        images, _ = _pairs()
        config = {**CONFIG, "proposer": {**CONFIG["proposer"], "identity": 1.0, "intensity": 0.0, "unrolled": 1.0}}
        loss = proposals.ProposerLoss(config, images, torch.zeros(6, dtype=torch.long))
        self.network.eval()
        velocity = loss._velocity(self.network, images, torch.Generator().manual_seed(1))
        first = self.network(images)
        left = fields.warp(images, fields.exponential(fields.upsample(first, 32, 32), loss.squarings), CONFIG["padding"])
        composed = fields.compose_velocities(first, self.network(left), 32, 32)
        self.assertGreater(float((composed - first).abs().max()), 1e-3)
        torch.testing.assert_close(velocity, composed)
        velocity.sum().backward()
        self.assertGreater(float(self.network.dense.bias.grad.abs().max()), 0)

    def test_share_of_unrolled_batches(self):
        images, _ = _pairs()
        loss = proposals.ProposerLoss({**CONFIG, "proposer": {**CONFIG["proposer"], "unrolled": 0.25}}, images,
                                      torch.zeros(6, dtype=torch.long))
        calls, generator = [], torch.Generator().manual_seed(1)
        for _ in range(400):
            loss._velocity(lambda image: calls.append(1) or torch.zeros(len(image), 2, 8, 8), images[:1], generator)
        self.assertAlmostEqual((len(calls) - 400) / 400, 0.25, delta=0.06)

    def test_pool_mirrors_stay_in_the_family(self):
        u = torch.from_numpy(deformations.random_map("tps-strong", 5, 0, 33, 33))[None]
        image = torch.rand(1, 1, 33, 33, dtype=torch.float64)
        warped = fields.warp(image, u)
        for mirror, of_image in ((proposals._left_right, lambda x: x.flip(3)), (proposals._upside_down, lambda x: x.flip(2)),
                                 (proposals._diagonal, lambda x: x.transpose(2, 3))):
            torch.testing.assert_close(fields.warp(of_image(image), mirror(u.float()).double()), of_image(warped), atol=1e-5, rtol=0)


class _Brightness(torch.nn.Module):
    """Logits (N, 2) of a position-weighted mean, so that moving the image changes them."""

    def forward(self, image):
        mean = (image * torch.linspace(0, 1, image.shape[-1])).flatten(1).mean(1)
        return torch.stack([mean, -mean], 1)


class IntensityTests(unittest.TestCase):
    def test_blur_keeps_flat_images_and_the_mean_and_leaves_the_rest_of_the_share_alone(self):
        generator = torch.Generator().manual_seed(1)
        flat = torch.full((4, 1, 8, 8), 0.3)
        torch.testing.assert_close(intensity.vary_sharpness(flat, 1.0, generator), flat)
        x = torch.zeros(200, 1, 9, 9)
        x[:, :, 4, 4] = 1
        y = intensity.vary_sharpness(x, 0.5, generator)
        torch.testing.assert_close(y.sum((1, 2, 3)), torch.ones(200))
        untouched = (y == x).flatten(1).all(1)
        self.assertTrue(60 < int(untouched.sum()) < 140)
        self.assertAlmostEqual(float(y[:, 0, 4, 4].min()), 0.25)
        self.assertIs(intensity.vary_sharpness(x, 0, generator), x)


class BundleTests(unittest.TestCase):
    def test_bundle_describes_proposer_and_augmented_and_holds_their_references(self):
        torch.manual_seed(1)
        built = {role: train.build(role, CONFIG) for role in ("inner", "vae", "critic", "proposer", "augmented")}
        torch.nn.init.normal_(built["proposer"].dense.weight, std=0.1)
        with tempfile.TemporaryDirectory() as folder:
            written = manifest.write_bundle(folder, CONFIG, built)
            self.assertEqual(written["models"]["proposer"]["output"], "velocity")
            self.assertEqual(written["models"]["augmented"]["output"], written["models"]["inner"]["output"])
            self.assertLessEqual({"reference/proposer", "reference/augmented"}, set(written["references"]))
            shape = onnx.load(f"{folder}/proposer.onnx").graph.output[0].type.tensor_type.shape.dim
            self.assertEqual([d.dim_param or d.dim_value for d in shape], ["N", 2, 8, 8])
            load = lambda name: numpy_helper.to_array(onnx.load_tensor(f"{folder}/reference/proposer/test_data_set_0/{name}_0.pb"))
            expected = built["proposer"].eval()(torch.from_numpy(np.copy(load("input")))).detach().numpy()
            np.testing.assert_allclose(load("output"), expected, atol=1e-5)


class AugmentedTests(unittest.TestCase):
    def test_image_and_mask_are_deformed_alike(self):
        images, _ = _pairs()
        loss = train.LOSSES["augmented"]({**CONFIG, "augmented": {**CONFIG["augmented"], "intensity": 0, "identity": 0}}, images, images)
        x, target = loss.deform(images, images, torch.Generator().manual_seed(1))
        torch.testing.assert_close(x, target)
        self.assertGreater(float((x - images).abs().max()), 0.05)


class TrainingTests(unittest.TestCase):
    def test_a_training_that_was_interrupted_ends_as_one_that_was_not(self):
        images, masks = _pairs()
        config = {**CONFIG, "inner": {**CONFIG["inner"], "epochs": 4, "batch": 3}}
        whole = train.train("inner", config, images, masks, images, masks, log=lambda text: None)
        with tempfile.TemporaryDirectory() as folder:
            def stop(epoch, _):
                if epoch == 3:
                    raise KeyboardInterrupt
            arguments = ("inner", config, images, masks, images, masks)
            partial = Path(folder) / "inner.partial.pt"
            with self.assertRaises(KeyboardInterrupt):
                train.train(*arguments, log=lambda text: None, record=stop, partial=partial)
            resumed = train.train(*arguments, log=lambda text: None, partial=partial)
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0, msg=name)

    def test_a_second_stage_goes_on_with_the_first_ones_weights_and_its_own_settings(self):
        images, masks = _pairs()
        config = {**CONFIG, "inner": {**CONFIG["inner"], "epochs": 2, "batch": 3, "then": {"epochs": 1, "learningRate": 0.0}}}
        first, second = train.stages("inner", config)
        self.assertEqual(first["inner"], {**CONFIG["inner"], "epochs": 2, "batch": 3})
        self.assertEqual(second["inner"], {**first["inner"], "epochs": 1, "learningRate": 0.0})
        run = lambda stage, initial: train.train("inner", stage, images, masks, images, masks, log=lambda text: None,
                                                 initial=initial).state_dict()
        state = run(first, None)
        for name, value in run({**second, "inner": {**second["inner"], "weightDecay": 0}}, state).items():
            if "running" not in name and "num_batches" not in name:
                torch.testing.assert_close(value, state[name], rtol=0, atol=0, msg=name)
        self.assertEqual(len(train.stages("inner", CONFIG)), 1)

    def test_stages_follow_one_another(self):
        settings = {"epochs": 3, "learningRate": 0.3, "then": {"learningRate": 0.2, "task": 1.0, "then": {"epochs": 1}}}
        self.assertEqual([stage["inner"] for stage in train.stages("inner", {"inner": settings})],
                         [{"epochs": 3, "learningRate": 0.3}, {"epochs": 3, "learningRate": 0.2, "task": 1.0},
                          {"epochs": 1, "learningRate": 0.2, "task": 1.0}])
        self.assertIn("then", settings)

    def test_curves_forget_what_a_resumed_training_repeats_and_are_drawn(self):
        with tempfile.TemporaryDirectory() as folder:
            history = History(Path(folder) / "inner.history.json")
            for epoch, value in ((1, 3.0), (2, 2.0), (3, 9.0), (2, 1.0)):
                history.add(epoch, {"loss": value})
            self.assertEqual([(row["epoch"], row["loss"]) for row in History(history.path).rows], [(1, 3.0), (2, 1.0)])
            try:
                import matplotlib  # noqa: F401
            except ImportError:
                self.skipTest("matplotlib is not installed")
            history.add(4, {"loss": 0.5, "task": 0.1})
            history.draw(Path(folder) / "curves.png", "test")
            self.assertEqual((Path(folder) / "curves.png").read_bytes()[:4], b"\x89PNG")


if __name__ == "__main__":
    unittest.main()
