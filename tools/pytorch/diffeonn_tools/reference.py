"""Reference tensors in ONNX test-data form, computed in float64 from the float32 weights and stored as float32."""

import copy

import numpy as np
import torch
from onnx import numpy_helper

from . import deformations, fields
from .evaluate import energy_terms
from .export import INPUT, OUTPUTS


def write(folder, networks, weights, size, seed):
    """``folder/GRAPH/test_data_set_0`` for every network and for the energy; returns their names."""
    networks = {role: copy.deepcopy(network).double().eval().requires_grad_(False) for role, network in networks.items()}
    image = inputs(networks["vae"], size, seed)
    for role, network in networks.items():
        outputs = network(image)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        _save(folder / role, [(INPUT, image)], list(zip(OUTPUTS[role], outputs)))
    _save(folder / "energy", [("y", image)], _energy(image, networks["vae"], networks.get("critic"), weights))
    return [f"reference/{name}" for name in [*networks, "energy"]]


def inputs(vae, size, seed):
    """Four images drawn from the VAE's prior, so that no training image is published; the last two are deformed."""
    generator = np.random.default_rng(seed)
    z = torch.from_numpy(generator.standard_normal((4, vae.mu.out_features)))
    images = vae.decode(z)
    noise = torch.from_numpy(generator.standard_normal(tuple(images.shape)))
    images = (images + 0.02 * noise).clamp(0, 1)
    maps = np.stack([deformations.random_map(preset, seed, i, size, size) for i, preset in enumerate(("tps", "tps-strong"))])
    images[2:] = fields.warp(images[2:], torch.from_numpy(maps))
    return images.float().double()


def _energy(image, vae, critic, weights):
    y = image.clone().requires_grad_(True)
    terms = energy_terms(y, vae, critic, weights)
    factors = [weights["vae"]] + ([weights["adversarial"]] if critic is not None else [])
    energy = terms @ torch.tensor(factors, dtype=torch.float64)
    gradient, = torch.autograd.grad(energy.sum(), y)
    return [("energy", energy.detach()), ("terms", terms.detach()), ("y_grad", gradient)]


def _save(folder, feeds, outputs):
    folder = folder / "test_data_set_0"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, tensors in (("input", feeds), ("output", outputs)):
        for i, (name, tensor) in enumerate(tensors):
            array = np.ascontiguousarray(tensor.detach().numpy().astype(np.float32))
            (folder / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
