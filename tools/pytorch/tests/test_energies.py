"""Energy terms, regularisers and training helpers against written-out formulas."""

import json
import math
import tempfile
import unittest
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from diffeonn_tools import fields, manifest, train
from diffeonn_tools.networks import Classifier, Critic, FeatureDistance, UNet, Vae
from diffeonn_tools.reference import energy_terms
from diffeonn_tools.train import vae_terms
from diffeonn_tools.validation import iou


class EnergyTests(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.image = torch.rand(3, 1, 32, 32)
        self.vae = Vae(size=32, widths=(4, 8), latent=5).eval()
        self.critic = Critic(width=4, layers=3, downsample=2).eval()

    def test_vae_term_is_the_sum_of_squares_plus_beta_times_the_divergence(self):
        reconstruction, mu, logvar = self.vae(self.image)
        terms = energy_terms(self.image, self.vae, None, {"beta": 0.25})
        for n in range(3):
            error = sum(float((a - b) ** 2) for a, b in zip(self.image[n].flatten(), reconstruction[n].flatten()))
            divergence = sum(0.5 * (float(m) ** 2 + math.exp(float(s)) - 1 - float(s)) for m, s in zip(mu[n], logvar[n]))
            self.assertAlmostEqual(float(terms[n, 0]), error + 0.25 * divergence, delta=1e-3 * error)

    def test_evaluation_is_deterministic_and_images_do_not_affect_each_other(self):
        weights = {"beta": 0.1}
        together = energy_terms(self.image, self.vae, self.critic, weights)
        alone = torch.cat([energy_terms(part, self.vae, self.critic, weights) for part in self.image.split(1)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_divergence_of_the_prior_is_zero(self):
        zero = torch.zeros(2, 5)
        self.assertEqual(float(vae_terms(self.image[:2], self.image[:2], zero, zero)[1].abs().max()), 0.0)

    def test_networks_keep_the_size(self):
        self.assertEqual(UNet(width=2, levels=2)(self.image).shape, (3, 2, 32, 32))
        self.assertEqual(self.vae(self.image)[0].shape, self.image.shape)
        self.assertEqual(self.critic(self.image).shape, (3,))


class FeatureDistanceTests(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(2)
        self.images = torch.rand(40, 1, 32, 32)
        self.inner = UNet(width=2, levels=2).eval()
        self.distance = FeatureDistance(self.inner, level=1, parts=2, components=5, downsample=2).eval().fit(self.images)

    def test_is_the_distance_along_the_components_and_what_they_leave(self):
        f = self.distance.features(self.images).detach().double()
        centred = f - f.mean(0)
        values, vectors = torch.linalg.eigh(centred.t() @ centred / len(f))
        along = centred @ vectors.flip(1)[:, :5]
        left = centred.pow(2).sum(1) - along.pow(2).sum(1)
        expected = (along.pow(2) / values.flip(0)[:5]).sum(1) + 5 * left / left.mean()
        torch.testing.assert_close(self.distance(self.images).double(), expected, rtol=1e-3, atol=1e-3)

    def test_training_images_have_twice_the_number_of_components_on_the_average(self):
        self.assertAlmostEqual(float(self.distance(self.images).mean()), 10, places=3)

    def test_features_are_means_over_parts_of_a_level(self):
        reduced = self.images[:1].view(1, 1, 16, 2, 16, 2).mean((3, 5))
        level = self.inner.encoders[1][:3](torch.nn.functional.max_pool2d(self.inner.encoders[0](reduced), 2))[0]
        features = self.distance.features(self.images[:1])[0].view(-1, 2, 2)
        torch.testing.assert_close(features[:, 1, 0], level[:, 4:, :4].mean((1, 2)))

    def test_a_classifier_has_features_too(self):
        distance = FeatureDistance(Classifier(widths=(4, 6), hidden=8).eval(), level=1, parts=1, components=3).eval().fit(self.images)
        self.assertAlmostEqual(float(distance(self.images).mean()), 6, places=3)

    def test_more_components_than_images_tell_are_refused(self):
        with self.assertRaisesRegex(ValueError, "5 components need more than 5 images"):
            FeatureDistance(self.inner, level=1, parts=2, components=5).fit(self.images[:5])

    def test_a_bundle_has_it_as_its_own_energy_and_as_a_term_of_the_reference(self):
        config = json.loads((Path(__file__).parents[1] / "configs" / "small.json").read_text())
        config["features"] = {"network": {"level": 2, "parts": 2, "components": 3, "downsample": 2}}
        config["energy"]["energy"] = 0.5
        networks = {role: train.build(role, config).eval() for role in ("inner", "vae", "critic")}
        networks["features"] = train.train("features", config, self.images, None, None, None, networks)
        with tempfile.TemporaryDirectory() as folder:
            described = manifest.write_bundle(folder, config, networks)
            self.assertEqual(described["models"]["energy"]["output"], "distance")
            self.assertEqual(described["references"], [f"reference/{name}" for name in ("inner", "vae", "critic", "energy")])

            def tensor(name):
                path = Path(folder) / "reference" / "energy" / "test_data_set_0" / name
                return torch.from_numpy(numpy_helper.to_array(onnx.load_tensor(str(path))).copy())

            y, energy, terms = (tensor(name) for name in ("input_0.pb", "output_0.pb", "output_1.pb"))
        torch.testing.assert_close(terms[:, 2], networks["features"](y), rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(energy, terms @ torch.tensor([1.0, 1.0, 0.5]))


class RegulariserTests(unittest.TestCase):
    def test_smoothness_of_a_linear_field_is_its_squared_gradient(self):
        grid = fields.base_grid(17, 17, torch.float64)
        v = torch.cat([0.3 * grid[:, :1] + 0.1 * grid[:, 1:], -0.2 * grid[:, :1]], 1)
        self.assertAlmostEqual(float(fields.smoothness(v)), 0.3 ** 2 + 0.1 ** 2 + 0.2 ** 2, places=12)

    def test_composed_velocity_of_linear_fields_is_half_their_commutator_more_than_their_sum(self):
        a, b = torch.tensor([[0.1, -0.3], [0.2, 0.05]], dtype=torch.float64), torch.tensor([[0.2, 0.1], [-0.4, 0.3]], dtype=torch.float64)
        height, width = 20, 33
        p = torch.nn.functional.interpolate(fields.base_grid(height, width, torch.float64), (6, 9), mode="bilinear", align_corners=True)
        linear = lambda m: torch.einsum("ij,njhw->nihw", m, p)
        composed = fields.compose_velocities(linear(a), linear(b), height, width)
        torch.testing.assert_close(composed, linear(a + b + (a @ b - b @ a) / 2))

    def test_inverse_of_a_smooth_map_undoes_it(self):
        grid = fields.base_grid(33, 33, torch.float64)
        u = 0.1 * torch.cos(2 * grid.flip(1))
        u = u * (1 - grid[:, :1] ** 2) * (1 - grid[:, 1:] ** 2)
        self.assertLess(float(fields.compose(u, fields.inverse(u)).abs().max()), 2e-3)

    def test_spline_carries_linear_lattices_exactly_and_interior_points_by_the_basis(self):
        x = torch.linspace(-1, 1, 6, dtype=torch.float64).expand(1, 2, 5, 6)
        expected = torch.linspace(-1, 1, 21, dtype=torch.float64).expand(1, 2, 17, 21)
        torch.testing.assert_close(fields.spline(x, 17, 21), expected)
        point = torch.zeros(1, 2, 5, 5, dtype=torch.float64)
        point[:, :, 2, 2] = 1
        carried = fields.spline(point, 17, 17)[0, 0]
        self.assertAlmostEqual(float(carried[8, 8]), (4 / 6) ** 2, places=12)
        self.assertAlmostEqual(float(carried[8, 12]), 4 / 6 * 1 / 6, places=12)

    def test_iou_of_two_empty_masks_is_one(self):
        empty = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
        self.assertEqual(float(iou(empty, empty)), 1.0)
        self.assertEqual(float(iou(empty, ~empty)), 0.0)


if __name__ == "__main__":
    unittest.main()
