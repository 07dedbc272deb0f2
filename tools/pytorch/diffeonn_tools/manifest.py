"""Writes a bundle: ONNX files, reference tensors and ``diffeonn.json``."""

import datetime
import hashlib
import json
from pathlib import Path

import torch

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
        models[role] = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "input": INPUT,
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


def _outputs(role, config):
    if role in ("inner", "augmented"):
        return {"output": {"name": "logits", "kind": config.get("kind", "segmentation"), "activation": "softmax",
                           "classes": config["classes"]}}
    if role == "proposer":
        return {"output": "velocity"}
    if role == "vae":
        return {"reconstruction": "reconstruction", "mean": "mu", "logVariance": "logvar"}
    return {"output": "score"}
