"""Figures of a network on the validation split while it is trained."""

import torch

from . import deformations, fields
from .data import enlarge


def scores(role, network, config, images, targets):
    """Figures by name, for the log and the curves."""
    with torch.no_grad():
        if role == "proposer":
            return _proposed(network, config, images, targets)
        images = enlarge(images, config)
        if role in ("inner", "augmented"):
            logits = torch.cat([network(part) for part in images.split(64)])
            if targets.dim() == 1:
                return {"val accuracy": float((logits.argmax(1) == targets).double().mean())}
            return {"val IoU": float(iou(logits.argmax(1, keepdim=True) == 1, targets >= 0.5).mean())}
        if role == "vae":
            error = torch.cat([(network(part)[0] - part).pow(2).flatten(1).sum(1) for part in images.split(64)])
            return {"val error": float(error.mean())}
    return {}


def _proposed(network, config, images, targets, count=64):
    """Error of image and, where there are masks, overlap before and after the proposal, on strong deformations."""
    images, targets = images[:count], targets[:count]
    size = images.shape[-1]
    maps = [deformations.random_map("tps-strong", config["seed"] + 1000, i, 33, 33) for i in range(len(images))]
    u = fields.upsample(torch.stack([torch.from_numpy(m).float() for m in maps]), size, size)
    deformed = fields.warp(images, u)
    images, deformed, size = enlarge(images, config), enlarge(deformed, config), config["size"]
    w = fields.exponential(fields.upsample(network(deformed), size, size), config["optimiser"]["squarings"])
    result = {"val before": float((deformed - images).pow(2).mean()),
              "val after": float((fields.warp(deformed, w, config["padding"]) - images).pow(2).mean()),
              "val determinant": float(fields.minimum_determinant(w).min())}
    if targets.dim() > 1:
        masks = fields.warp(targets, u)
        result["val overlap before"] = float(iou(masks >= 0.5, targets >= 0.5).mean())
        result["val overlap after"] = float(iou(fields.warp(masks, w) >= 0.5, targets >= 0.5).mean())
    return result


def iou(predicted, expected):
    """Intersection over union per image of boolean masks; two empty masks agree (1)."""
    intersection = (predicted & expected).flatten(1).sum(1).double()
    union = (predicted | expected).flatten(1).sum(1).double()
    return torch.where(union > 0, intersection / union.clamp(min=1), torch.ones_like(union))
