"""Energy terms, regularisers and training helpers against written-out formulas."""

import math
import unittest

import torch

from diffeonn_tools import fields
from diffeonn_tools.networks import Critic, UNet, Vae
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
