"""Writes a bundle: ONNX files, reference tensors and ``diffeonn.json``."""

import datetime
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from . import reference
from .export import INPUT, export


def write_bundle(folder, config, networks):
    """Exports the networks of a configuration and describes them in ``diffeonn.json`` (schema 1)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    channels, size = config["inner"]["network"]["channels"], config["size"]
    models = {}
    for role, network in networks.items():
        path = folder / f"{role}.onnx"
        export(network, role, path, channels, size)
        models[_place(role)] = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "input": INPUT,
                        **_outputs(role, config)}
    references = reference.write(folder / "reference", networks, config["energy"], size, config["seed"])
    manifest = {
        "schema": 1,
        "name": config["name"],
        "description": config["description"],
        "licence": config["licence"],
        "image": {"channels": channels, "height": size, "width": size, "mean": [0.0] * channels, "std": [1.0] * channels,
                  "padding": config["padding"]},
        "models": models,
        "energy": config["energy"],
        "optimiser": config["optimiser"],
        **({"acceptance": config["acceptance"]} if "acceptance" in config else {}),
        "references": references,
        "provenance": {
            "trainedOn": config["trainedOn"],
            "tool": f"tools/pytorch with PyTorch {torch.__version__}",
            "seed": config["seed"],
            "date": datetime.date.today().isoformat(),
            "notes": config.get("notes", ""),
        },
    }
    (folder / "diffeonn.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def add_gradients(folder, config, networks):
    """Gradients beside a bundle's reference tensors, after a check that the bundle's models are exports of these networks."""
    folder = Path(folder)
    models = json.loads((folder / "diffeonn.json").read_text())["models"]
    for role, network in networks.items():
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "model.onnx"
            export(network, role, path, config["inner"]["network"]["channels"], config["size"])
            _check_weights(path, folder / models[_place(role)]["file"])
    return reference.add_gradients(folder / "reference", networks, config["seed"])


def _check_weights(exported, path):
    """Two exports of one network have the same weights in the same order; their names depend on the exporter's version."""
    expected, found = ([numpy_helper.to_array(tensor) for tensor in onnx.load(str(file)).graph.initializer] for file in (path, exported))
    same_shapes = [a.shape for a in expected] == [b.shape for b in found]
    if not same_shapes or not all(np.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(expected, found)):
        raise ValueError(f"'{path}' has other weights than the checkpoint.")


def _place(role):
    """The role as a manifest has it: the distance of features is the bundle's own energy."""
    return "energy" if role == "features" else role


def _outputs(role, config):
    if role in ("inner", "augmented"):
        return {"output": {"name": "logits", "kind": config.get("kind", "segmentation"), "activation": "softmax",
                           "classes": config["classes"]}}
    if role == "proposer":
        return {"output": "velocity"}
    if role == "features":
        return {"output": "distance"}
    if role == "vae":
        return {"reconstruction": "reconstruction", "mean": "mu", "logVariance": "logvar"}
    return {"output": "score"}
