"""Canonicalisation in PyTorch with the library's formulas, batched: for choosing a bundle's settings on ``val``."""

import torch
from torch import nn

from . import fields
from .data import enlarge
from .train import deformation_pool, vae_terms
from .validation import iou


class Siren(nn.Module):
    """A sine network per image: coordinates -> velocity, evaluated on a lattice."""

    def __init__(self, count, lattice, hidden=256, frequency=1.5965, gain=0.0036162, blocks=2):
        super().__init__()
        ticks = torch.linspace(-1, 1, lattice)
        self.points = torch.stack([ticks.expand(lattice, lattice), ticks[:, None].expand(lattice, lattice)], -1).reshape(-1, 2)
        self.lattice, self.frequency, self.gain = lattice, frequency, gain
        sizes = [(2, hidden)] + [(hidden, hidden)] * blocks + [(hidden, 2)]
        bound = [(6 / a) ** 0.5 for a, _ in sizes]
        self.weights = nn.ParameterList(nn.Parameter((torch.rand(count, a, b) * 2 - 1) * k) for (a, b), k in zip(sizes, bound))
        self.biases = nn.ParameterList(nn.Parameter((torch.rand(count, 1, b) * 2 - 1) * k) for (a, b), k in zip(sizes, bound))

    def forward(self):
        h = self.points.expand(len(self.weights[0]), -1, -1)
        h = torch.sin(self.frequency * (h @ self.weights[0] + self.biases[0]))
        for w, b in list(zip(self.weights, self.biases))[1:-1]:
            h = h + torch.sin(h @ w + b)
        v = (h @ self.weights[-1] + self.biases[-1]) * self.gain
        return v.transpose(1, 2).reshape(-1, 2, self.lattice, self.lattice)


class Lattice(nn.Module):
    """Control points of the velocity, starting at zero."""

    def __init__(self, count, lattice):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(count, 2, lattice, lattice))

    def forward(self):
        return self.values


def energy_terms(y, vae, critic, weights):
    """Unweighted terms (N, T) of the energy graph, in its order: vae, adversarial; absent networks are left out."""
    terms = []
    if vae is not None:
        error, divergence = vae_terms(y, *vae(y))
        terms.append(error + weights["beta"] * divergence)
    if critic is not None:
        terms.append(critic(y))
    return torch.stack(terms, 1)


def canonicalise(x, vae, critic, weights, optimiser, padding="zeros", seed=1, start=None):
    """Velocity (N, 2, H, W) of the best iterate and its energy (N,), by Adam from (nearly) the identity.

    With a proposal ``start`` (N, 2, H, W) the velocity is the proposal plus a deviation, and smoothness is the deviation's.
    """
    torch.manual_seed(seed)
    count, _, height, width = x.shape
    field = Siren(count, optimiser["lattice"]) if optimiser["field"] == "siren" else Lattice(count, optimiser["lattice"])
    adam = torch.optim.Adam(field.parameters(), lr=optimiser["learningRate"])
    factors = torch.tensor([weights[n] for n, net in (("vae", vae), ("adversarial", critic)) if net is not None])
    best, best_v = torch.full((count,), float("inf")), None
    for step in range(optimiser["steps"] + 1):
        deviation = fields.spline(field(), height, width)
        v = deviation if start is None else start + deviation
        u = fields.exponential(v, optimiser["squarings"])
        y = fields.warp(x, u, padding)
        energy = energy_terms(y, vae, critic, weights) @ factors
        energy = energy + weights["smoothness"] * fields.smoothness(deviation) + weights["orientation"] * fields.orientation(u)
        with torch.no_grad():
            better = energy < best
            best = torch.where(better, energy, best)
            best_v = v.clone() if best_v is None else torch.where(better.view(-1, 1, 1, 1), v, best_v)
        if step < optimiser["steps"]:
            adam.zero_grad(set_to_none=True)
            energy.sum().backward()
            adam.step()
    return best_v.detach(), best.detach()


@torch.no_grad()
def segment(inner, x):
    """Probability of the foreground (N, 1, H, W) from two classes' logits."""
    return torch.cat([inner(part).softmax(1)[:, 1:2] for part in x.split(16)])


@torch.no_grad()
def predict(inner, x, back=None):
    """Foreground probability, carried through the map ``back``, or, of a classifier, the logits (N, classes)."""
    logits = torch.cat([inner(part) for part in x.split(16)])
    if logits.dim() == 2:
        return logits
    probability = logits.softmax(1)[:, 1:2]
    return probability if back is None else fields.warp(probability, back)


def score(prediction, target):
    """IoU (N,) with a mask, or 1 where a label is met and else 0."""
    if target.dim() == 1:
        return (prediction.argmax(1) == target).double()
    return iou(prediction >= 0.5, target >= 0.5)


@torch.no_grad()
def propose(proposer, x, passes=1, squarings=7, padding="zeros"):
    """The proposals after each pass at the images' size (N, 2, H, W), continued linearly between their nodes as in the library.

    Each further pass is the proposal for what is left: for the image that the velocity so far leads to.
    """
    size = x.shape[2:]
    lattices = [torch.cat([proposer(part) for part in x.split(64)])]
    while len(lattices) < passes:
        y = fields.warp(x, fields.exponential(fields.upsample(lattices[-1], *size), squarings), padding)
        left = torch.cat([proposer(part) for part in y.split(64)])
        lattices.append(fields.compose_velocities(lattices[-1], left, *size))
    return [fields.upsample(lattice, *size) for lattice in lattices]


def mean_answer(answers):
    """Mean of probabilities (N, 1, H, W), or of a classifier's, whose logits these are, as logarithms (N, classes)."""
    if len(answers) == 1:
        return answers[0]
    if answers[0].dim() == 2:
        return torch.stack([answer.softmax(1) for answer in answers]).mean(0).log()
    return torch.stack(answers).mean(0)


def settings(config, from_proposal, steps=None):
    """Optimiser and energy weights of a search: the caller's steps, then, from a proposal, ``refinement``, then the rest."""
    optimiser, weights = dict(config["optimiser"]), dict(config["energy"])
    refinement = optimiser.pop("refinement", {})
    for name, value in refinement.items() if from_proposal else ():
        (weights if name in ("smoothness", "orientation") else optimiser)[name] = value
    if steps is not None:
        optimiser["steps"] = steps
    return optimiser, weights


def evaluate(networks, config, images, targets, preset, seed, repeats=1, start="auto", steps=None, passes=None, average=None,
             batch=33, log=print):
    """Mean score clean, naive, augmented and canonicalised, on ``repeats`` deformations of every image.

    The score is IoU, or accuracy of a classifier. ``start``: ``zero``, ``proposer``, or ``auto``, which takes the proposer
    where there is one. ``steps`` overrides the configuration's; with 0 the start itself is the result. From the proposal
    the configuration's ``refinement`` counts. ``passes`` (of the proposer) and ``average`` (of the answers that the maps of
    all passes and of the search lead to) override the configuration's.
    """
    inner, vae, critic = (networks.get(role) for role in ("inner", "vae", "critic"))
    if start == "proposer" and "proposer" not in networks:
        raise ValueError("the configuration has no proposer to start from.")
    proposer = networks.get("proposer") if start != "zero" else None
    optimiser, weights = settings(config, proposer is not None, steps)
    passes = optimiser.get("passes", 1) if passes is None else passes
    average = optimiser.get("average", False) if average is None else average
    for network in networks.values():
        network.requires_grad_(False)
    images, targets = images.repeat(repeats, 1, 1, 1), targets.repeat(repeats, *[1] * (targets.dim() - 1))
    clean = score(predict(inner, enlarge(images, config)), targets)
    x, target = images, targets
    if preset != "none":
        u = deformation_pool(preset, seed, len(images), images.shape[-1])
        x, target = fields.warp(images, u), targets if targets.dim() == 1 else fields.warp(targets, u)
    x = enlarge(x, config)
    naive = score(predict(inner, x), target)
    scores, folded, energies, residuals = [], [], [], []
    padding, k = config["padding"], config["optimiser"]["squarings"]
    for part, truth in zip(x.split(batch), target.split(batch)):
        proposals = [None] if proposer is None else propose(proposer, part, passes, k, padding)
        v, energy = canonicalise(part, vae, critic, weights, optimiser, padding, start=proposals[-1])
        with torch.no_grad():
            answers = []
            for velocity in (*_averaged(proposals, optimiser), v) if average else (v,):
                u, back = fields.exponential(velocity, k), fields.exponential(-velocity, k)
                answers.append(predict(inner, fields.warp(part, u, padding), back))
            scores.append(score(mean_answer(answers), truth))
            folded.append(fields.minimum_determinant(u))
            residuals.append(fields.compose(u, back).norm(dim=1).flatten(1).median(1).values * (part.shape[-1] - 1) / 2)
            energies.append(energy)
    canonical = torch.cat(scores)
    result = {"clean": float(clean.mean()), "naive": float(naive.mean()), "canonicalised": float(canonical.mean())}
    if "augmented" in networks:
        result["augmented"] = float(score(predict(networks["augmented"], x), target).mean())
    if preset != "none" and result["clean"] > result["naive"]:
        result["gapClosed"] = (result["canonicalised"] - result["naive"]) / (result["clean"] - result["naive"])
    result |= {"minimumDeterminant": float(torch.cat(folded).min()), "inverseResidualPixels": float(torch.cat(residuals).median()),
               "energy": float(torch.cat(energies).mean()), "worst": float(canonical.min()),
               "worseBy5": float((canonical < naive - 0.05).double().mean())}
    log(f"{preset}: " + "  ".join(f"{name} {value:.4f}" for name, value in result.items()))
    return result


def _averaged(proposals, optimiser):
    """The proposals whose answers are averaged with that of the search: the last one not twice, where it is what the search returns."""
    return [v for v in (proposals if optimiser["steps"] else proposals[:-1]) if v is not None]
