"""Writes the bundle `tiny` beside this script: small untrained networks exported by PyTorch 1.13, and reference tensors by autograd
in double precision. Run it with a Python that has torch, onnx and numpy; the same seed gives the same files.

The networks are awkward on purpose: two channels, an image that is not square, means and stds that matter, three opsets, a VAE that
samples its latent even when exported for inference, and an energy of the user's own with its backward graph written by hand.
"""
import hashlib
import json
import pathlib

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
CHANNELS, HEIGHT, WIDTH = 2, 12, 16
MEAN, STD = [0.25, 0.5], [0.5, 0.25]
WEIGHTS = {"vae": 0.5, "beta": 0.25, "adversarial": 3.0, "energy": 2.0}


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(CHANNELS, 4, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(4 * 6 * 8, 12), nn.Tanh())
        self.mu, self.logvar = nn.Linear(12, 3), nn.Linear(12, 3)
        self.spread = nn.Linear(3, 4 * 6 * 8)
        self.up = nn.ConvTranspose2d(4, CHANNELS, 3, 2, 1, output_padding=1)
        self.sampling = True

    def forward(self, image):
        h = self.encoder(image)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar) if self.sampling else mu
        h = torch.sigmoid(self.spread(z)).view(-1, 4, 6, 8)
        return torch.sigmoid(self.up(h)), mu, logvar


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(CHANNELS, 4, 5, 1, 2), nn.Conv2d(4 + CHANNELS, 1, 5, 1, 2)

    def forward(self, image):
        return self.second(torch.cat([torch.relu(self.first(image)), image], 1))


class Smooth(nn.Module):
    """An energy of the user's own, given for each pixel: the term is its mean over all but the batch."""

    def forward(self, image):
        return torch.sin(2 * image) * image


class SmoothBackward(nn.Module):
    def forward(self, image):
        return (2 * torch.cos(2 * image) * image + torch.sin(2 * image)) / (CHANNELS * HEIGHT * WIDTH)


class Proposer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(CHANNELS, 2, 3, 2, 1)

    def forward(self, image):
        return 0.1 * torch.tanh(self.layer(image))


def export(bundle, name, network, outputs, opset):
    image = torch.rand(1, CHANNELS, HEIGHT, WIDTH)
    torch.onnx.export(network, image, str(bundle / name), opset_version=opset, input_names=["image"], output_names=outputs,
                      dynamic_axes={tensor: {0: "N"} for tensor in ["image", *outputs]})
    return {"file": name, "sha256": hashlib.sha256((bundle / name).read_bytes()).hexdigest(), "input": "image"}


def write_tensors(folder, **tensors):
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"input": 0, "output": 0}
    for key, value in tensors.items():
        kind, name = key.split("__")
        array = value.detach().numpy().astype(numpy.float32)
        path = folder / f"{kind}_{counts[kind]}.pb"
        path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())
        counts[kind] += 1


def main():
    torch.manual_seed(20)
    bundle = HERE / "tiny"
    bundle.mkdir(exist_ok=True)
    inner = nn.Conv2d(CHANNELS, 3, 3, 1, 1)
    vae, critic, smooth = Vae().eval(), Critic().eval(), Smooth()
    models = {
        "inner": {**export(bundle, "inner.onnx", inner, ["logits"], 16),
                  "output": {"name": "logits", "kind": "segmentation", "activation": "softmax", "classes": ["a", "b", "c"]}},
        "vae": {**export(bundle, "vae.onnx", vae, ["reconstruction", "mu", "logvar"], 16),
                "reconstruction": "reconstruction", "mean": "mu", "logVariance": "logvar"},
        "critic": {**export(bundle, "critic.onnx", critic, ["score"], 11), "output": "score"},
        "energy": {**export(bundle, "energy.onnx", smooth, ["energy"], 13), "output": "energy",
                   "gradient": {**export(bundle, "energy_gradient.onnx", SmoothBackward(), ["image_grad"], 13), "output": "image_grad"}},
        "proposer": {**export(bundle, "proposer.onnx", Proposer(), ["velocity"], 16), "output": "velocity"},
    }

    vae.sampling = False
    for network in (inner, vae, critic):
        network.double()
    y = torch.rand(4, CHANNELS, HEIGHT, WIDTH).double().requires_grad_()
    image = (y - torch.tensor(MEAN).view(1, -1, 1, 1).double()) / torch.tensor(STD).view(1, -1, 1, 1).double()
    reconstruction, mu, logvar = vae(image)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)
    terms = torch.stack([((y - reconstruction) ** 2).flatten(1).sum(1) + WEIGHTS["beta"] * kl,
                         critic(image).flatten(1).mean(1), smooth(image).flatten(1).mean(1)], 1)
    weights = torch.tensor([WEIGHTS["vae"], WEIGHTS["adversarial"], WEIGHTS["energy"]]).double()
    energy = (terms * weights).sum(1)
    gradient, = torch.autograd.grad(energy.sum(), y)
    write_tensors(bundle / "reference/energy/test_data_set_0",
                  input__y=y, output__energy=energy, output__terms=terms, output__y_grad=gradient)
    write_tensors(bundle / "reference/inner/test_data_set_0", input__image=image, output__logits=inner(image))

    manifest = {
        "schema": 1, "name": "tiny", "description": "Untrained networks for tests.", "licence": "MIT",
        "image": {"channels": CHANNELS, "height": HEIGHT, "width": WIDTH, "mean": MEAN, "std": STD, "padding": "zeros"},
        "models": models, "energy": {**WEIGHTS, "smoothness": 1.0, "orientation": 1.0},
        "optimiser": {"field": "lattice", "lattice": 8, "steps": 20, "learningRate": 0.01, "squarings": 5,
                      "tolerance": 1e-4, "patience": 5},
        "acceptance": {"minimumDecrease": 0.0},
        "references": ["reference/energy", "reference/inner"],
        "provenance": {"trainedOn": "nothing", "tool": "make_fixtures.py", "seed": 20},
    }
    (bundle / "diffeonn.json").write_text(json.dumps(manifest, indent=2) + "\n")
    for path in bundle.glob("*.onnx"):
        onnx.checker.check_model(str(path))


if __name__ == "__main__":
    main()
