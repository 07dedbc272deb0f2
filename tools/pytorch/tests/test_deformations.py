"""The generator against published values and independent formulas; the maps against their definitions."""

import math
import unittest

import numpy as np
import torch

from diffeonn_tools import deformations, fields


class SplitMix64Tests(unittest.TestCase):
    def test_first_outputs_of_state_zero_are_the_published_ones(self):
        generator = deformations.SplitMix64(0)
        self.assertEqual([generator.next() for _ in range(3)],
                         [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F])

    def test_normals_use_cosine_then_sine_of_one_pair_of_uniforms(self):
        uniforms = deformations.SplitMix64(7)
        u1, u2 = uniforms.uniform(), uniforms.uniform()
        generator = deformations.SplitMix64(7)
        radius = math.sqrt(-2 * math.log(1 - u1))
        self.assertAlmostEqual(generator.normal(), radius * math.cos(2 * math.pi * u2), places=12)
        self.assertAlmostEqual(generator.normal(), radius * math.sin(2 * math.pi * u2), places=12)

    def test_images_of_a_set_have_their_own_streams(self):
        firsts = {deformations.SplitMix64.for_image(1, i).next() for i in range(100)}
        self.assertEqual(len(firsts), 100)


class MapTests(unittest.TestCase):
    def test_strong_spline_is_twice_the_plain_one(self):
        plain = deformations.random_map("tps", 3, 5, 24, 24)
        strong = deformations.random_map("tps-strong", 3, 5, 24, 24)
        np.testing.assert_allclose(strong, 2 * plain, atol=1e-14)

    def test_spline_moves_its_control_points_to_their_targets(self):
        # On 41 pixels the control points -0.6, 0, 0.6 are pixels 8, 20 and 32.
        u = deformations.random_map("tps", 11, 0, 41, 41)
        generator = deformations.SplitMix64.for_image(11, 0)
        angle = math.radians(generator.uniform(-30, 30))
        for row, y in zip((8, 20, 32), (-0.3, 0.0, 0.3)):
            for column, x in zip((8, 20, 32), (-0.3, 0.0, 0.3)):
                tx = 0.9 * (x * math.cos(angle) - y * math.sin(angle)) + generator.uniform(-0.12, 0.12)
                ty = 0.9 * (x * math.sin(angle) + y * math.cos(angle)) + generator.uniform(-0.12, 0.12)
                expected = [min(max(tx, -0.5), 0.5) - x, min(max(ty, -0.5), 0.5) - y]
                np.testing.assert_allclose(u[:, row, column], expected, atol=1e-12)

    def test_no_preset_folds(self):
        for preset in deformations.PRESETS:
            for index in range(20):
                self.assertGreater(deformations.minimum_determinant(deformations.random_map(preset, 1, index, 48, 32)), 0)

    def test_a_folded_map_is_seen_as_folded(self):
        x, _ = deformations.coordinates(16, 16)
        self.assertLess(deformations.minimum_determinant(np.stack([-1.5 * x, 0 * x])), 0)

    def test_cubic_basis_sums_to_one_and_reproduces_a_line(self):
        positions = np.linspace(-1, 1, 31)
        basis = deformations._cubic_basis(positions)
        np.testing.assert_allclose(basis.sum(1), 1, atol=1e-14)
        np.testing.assert_allclose(basis @ (np.arange(6) - 2.5) / 1.5, positions, atol=1e-14)

    def test_sampling_by_whole_pixels_shifts(self):
        image = np.random.default_rng(1).random((1, 6, 9))
        u = np.zeros((2, 6, 9))
        u[0] = 2 * 2.0 / 8
        shifted = deformations.sample(image, u)
        np.testing.assert_allclose(shifted[:, :, :7], image[:, :, 2:], atol=1e-12)
        np.testing.assert_allclose(shifted[:, :, 7:], 0, atol=1e-12)
        np.testing.assert_allclose(deformations.sample(image, u, "border")[:, :, 8], image[:, :, 8], atol=1e-12)

    def test_batched_fields_agree_with_the_float64_reference(self):
        image = np.random.default_rng(2).random((3, 20, 28))
        u = deformations.random_map("svf", 4, 0, 20, 28, amplitude=20)
        for padding in ("zeros", "border"):
            batched = fields.warp(torch.from_numpy(image[None]), torch.from_numpy(u[None]), padding)[0].numpy()
            np.testing.assert_allclose(batched, deformations.sample(image, u, padding), atol=1e-12)
        np.testing.assert_allclose(fields.exponential(torch.from_numpy(0.3 * u[None]))[0].numpy(),
                                   deformations.exponential(0.3 * u), atol=1e-12)
        self.assertAlmostEqual(float(fields.minimum_determinant(torch.from_numpy(u[None]))),
                               deformations.minimum_determinant(u), places=12)


if __name__ == "__main__":
    unittest.main()
