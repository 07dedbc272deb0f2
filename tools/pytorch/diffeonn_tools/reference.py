"""Reference tensors in ONNX test-data form, computed in float64 from the float32 weights and stored as float32."""

import copy

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from . import deformations, fields, tensors
from .export import INPUT, OUTPUTS
from .train import vae_terms

# Roles of energies, in the order of the columns, and the words for their weights.
TERMS = (("vae", "vae"), ("critic", "adversarial"), ("features", "energy"))


def write(folder, networks, weights, size, seed):
    """``folder/GRAPH/test_data_set_0`` for every network and for the energy; returns their names."""
    networks = _exact(networks)
    image = inputs(networks["vae"], size, seed)
    for role, network in _alone(networks):
        outputs = _outputs(role, network, image)
        _save(folder / role, [(INPUT, image)], outputs.items())
        _write_gradients(folder / role, gradients(role, network, image, seed))
    _save(folder / "energy", [("y", image)], _energy(image, networks, weights))
    return [f"reference/{name}" for name in [*(role for role, _ in _alone(networks)), "energy"]]


def add_gradients(folder, networks, seed):
    """Writes the gradients beside the reference tensors that a bundle has, whose networks these must be; changes no other file."""
    networks = _exact(networks)
    for role, network in _alone(networks):
        image = torch.from_numpy(_read(folder / role, "input_0.pb")).double()
        for i, (name, found) in enumerate(_outputs(role, network, image).items()):
            expected = torch.from_numpy(_read(folder / role, f"output_{i}.pb")).double()
            error = float((found - expected).abs().max() / expected.abs().max()) if found.shape == expected.shape else float("inf")
            if not error <= 1e-6:
                raise ValueError(f"'{folder / role}' was not written by this network: its '{name}' differs by "
                                 f"{error:.1e} of the largest value.")
        _write_gradients(folder / role, gradients(role, network, image, seed))
    return [role for role, _ in _alone(networks)]


def energy_terms(y, vae, critic, weights, features=None):
    """Unweighted terms (N, T) of the energy graph, in its order: vae, adversarial, energy; absent networks are left out."""
    terms = []
    if vae is not None:
        error, divergence = vae_terms(y, *vae(y))
        terms.append(error + weights["beta"] * divergence)
    if critic is not None:
        terms.append(critic(y))
    if features is not None:
        terms.append(features(y))
    return torch.stack(terms, 1)


def gradients(role, network, image, seed):
    """``OUTPUT_grad``, normal numbers, for each output, and the gradient by the image of the sum of upstream times output.

    A common factor makes the image's gradient 1 in the mean square, so that no tolerance meets tiny numbers.
    """
    generator = np.random.default_rng([seed, list(OUTPUTS).index(role)])
    image = image.clone().requires_grad_(True)
    outputs = _outputs(role, network, image)
    upstream = [torch.from_numpy(np.asarray(generator.standard_normal(tuple(y.shape)))) for y in outputs.values()]
    factor = torch.autograd.grad(list(outputs.values()), image, upstream, retain_graph=True)[0].pow(2).mean().rsqrt()
    # What is stored is what is differentiated.
    upstream = [(factor * g).float().double() for g in upstream]
    gradient, = torch.autograd.grad(list(outputs.values()), image, upstream)
    return {**{name + "_grad": g for name, g in zip(outputs, upstream)}, INPUT + "_grad": gradient}


def _alone(networks):
    """The networks that have a folder of their own: the distance of features is seen in the energy as a whole."""
    return [(role, network) for role, network in networks.items() if role != "features"]


def _exact(networks):
    return {role: copy.deepcopy(network).double().eval().requires_grad_(False) for role, network in networks.items()}


def _outputs(role, network, image):
    outputs = network(image)
    return dict(zip(OUTPUTS[role], outputs if isinstance(outputs, tuple) else (outputs,)))


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


def _energy(image, networks, weights):
    y = image.clone().requires_grad_(True)
    terms = energy_terms(y, networks["vae"], networks.get("critic"), weights, networks.get("features"))
    factors = [weights[name] for role, name in TERMS if role in networks]
    energy = terms @ torch.tensor(factors, dtype=torch.float64)
    gradient, = torch.autograd.grad(energy.sum(), y)
    return [("energy", energy.detach()), ("terms", terms.detach()), ("y_grad", gradient)]


def _save(folder, feeds, outputs):
    for kind, named in (("input", feeds), ("output", outputs)):
        for i, (name, tensor) in enumerate(named):
            tensors.save(folder / "test_data_set_0" / f"{kind}_{i}.pb", name, tensor.float())


def _write_gradients(folder, named):
    for name, tensor in named.items():
        tensors.save(folder / "test_data_set_0" / tensors.file_name(name), name, tensor.float())


def _read(folder, name):
    return np.array(numpy_helper.to_array(onnx.load_tensor(str(folder / "test_data_set_0" / name))))
