"""Trains the networks of a bundle on undeformed images, with fixed seeds."""

import math
import time

import numpy as np
import torch
from torch.nn import functional as F

from . import deformations, fields, proposals, validation
from .data import enlarge
from .intensity import vary
from .networks import Classifier, Critic, FeatureDistance, Proposer, UNet, Vae


def build(role, config):
    """The untrained network of a role, as the configuration describes it; ``augmented`` has the architecture of ``inner``."""
    settings = config["inner" if role == "augmented" else role]["network"]
    if role in ("inner", "augmented"):
        return Classifier(size=config["size"], **settings) if is_classification(config) else UNet(**settings)
    if role == "vae":
        return Vae(size=config["size"], **settings)
    if role == "proposer":
        return Proposer(size=config["size"], **settings)
    if role == "features":
        return FeatureDistance(build("inner", config), **settings)
    return Critic(**settings)


def is_classification(config):
    """Whether targets are labels (N,) rather than masks (N, 1, H, W)."""
    return config.get("kind") == "classification"


def train(role, config, images, targets, val_images, val_targets, networks=None, log=print, record=None, partial=None, initial=None):
    """A trained network in evaluation mode, on the images and targets of the training split.

    ``initial`` is the state to begin with instead of random weights. ``networks`` holds the roles trained before, by name: some losses use
    them. ``record`` is called with (epoch, {curve: value}) at every report. ``partial`` is a file that keeps the state of an unfinished
    training, written at every report: a training that finds it goes on where it was left.
    """
    settings = config[role]
    torch.manual_seed(config["seed"])
    network = build(role, config)
    if role == "features":
        # Statistics instead of a training.
        network.inner.load_state_dict(networks["inner"].state_dict())
        return network.eval().fit(enlarge(images, config))
    if initial is not None:
        network.load_state_dict(initial)
    started = time.time()
    loss = LOSSES[role](config, images, targets, networks or {})
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings["learningRate"],
                                  betas=tuple(settings.get("betas", (0.9, 0.999))), weight_decay=settings.get("weightDecay", 0.0))
    generator = torch.Generator().manual_seed(config["seed"] + 1)
    steps_per_epoch = math.ceil(len(images) / settings["batch"])
    total = settings["epochs"] * steps_per_epoch
    # One cycle: short linear warm-up, cosine to zero.
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * min(step, total) / total)))
    state = {"network": network, "optimiser": optimiser, "schedule": schedule}
    first = _resume(partial, state, generator, log)
    report_every = max(1, settings["epochs"] // 20)
    for epoch in range(first, settings["epochs"]):
        network.train()
        loss.progress = epoch / settings["epochs"]
        sums = {}
        for batch in torch.randperm(len(images), generator=generator).split(settings["batch"]):
            parts = loss(network, batch, generator)
            optimiser.zero_grad(set_to_none=True)
            parts["loss"].backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.get("clip", 1e3))
            optimiser.step()
            schedule.step()
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch) / len(images)
        if epoch % report_every == 0 or epoch == settings["epochs"] - 1:
            network.eval()
            sums.update(validation.scores(role, network, config, val_images, val_targets))
            text = "  ".join(f"{name} {value:.5g}" for name, value in sums.items())
            log(f"{role} epoch {epoch + 1}/{settings['epochs']}  {text}  {time.time() - started:.0f} s")
            if record is not None:
                record(epoch + 1, sums)
            _keep(partial, state, generator, epoch + 1)
    return network.eval()


def stages(role, config):
    """The configurations a role is trained with one after another: the role's settings, then with those of ``then`` laid over them, and so
    on."""
    settings, found = dict(config[role]), []
    while settings is not None:
        further = settings.pop("then", None)
        found.append({**config, role: settings})
        settings = None if further is None else {**settings, **further}
    return found


def _resume(partial, state, generator, log):
    if partial is None or not partial.exists():
        return 0
    kept = torch.load(partial, map_location="cpu")
    for name, part in state.items():
        part.load_state_dict(kept[name])
    generator.set_state(kept["generator"])
    torch.set_rng_state(kept["random"])
    log(f"goes on after epoch {kept['epoch']} of {partial}")
    return kept["epoch"]


def _keep(partial, state, generator, epoch):
    if partial is None:
        return
    kept = {name: part.state_dict() for name, part in state.items()}
    temporary = partial.with_suffix(".new")
    torch.save({**kept, "generator": generator.get_state(), "random": torch.get_rng_state(), "epoch": epoch}, temporary)
    temporary.replace(partial)


class _InnerLoss:
    """Cross entropy; images vary in brightness, contrast, gamma and noise, never in shape."""

    role = "inner"

    def __init__(self, config, images, targets, networks=None):
        self.images, self.targets, self.config, self.settings = images, targets, config, config[self.role]

    def __call__(self, network, batch, generator):
        x, target = self.deform(vary(self.images[batch], self.settings, generator), self.targets[batch], generator)
        return {"loss": F.cross_entropy(network(enlarge(x, self.config)), target[:, 0].round().long() if target.dim() > 1 else target)}

    def deform(self, x, target, generator):
        return x, target


class _AugmentedLoss(_InnerLoss):
    """As the inner model's, with images and masks deformed: what canonicalisation is compared with."""

    role = "augmented"

    def __init__(self, config, images, targets, networks=None):
        super().__init__(config, images, targets, networks)
        self.maps = proposals.CoarseMapPool(self.settings["deformations"], config["seed"] + 300)

    def deform(self, x, target, generator):
        nodes = self.maps.draw(len(x), generator)
        nodes = nodes * (torch.rand(len(x), 1, 1, 1, generator=generator) >= self.settings["identity"])
        u = F.interpolate(nodes, x.shape[2:], mode="bicubic", align_corners=True)
        return fields.warp(x, u), fields.warp(target, u) if target.dim() > 1 else target


class _VaeLoss:
    """Squared error plus KL, both summed over an image: the energy's own formula with the training's beta.

    A share of the inputs (``deformed``) is deformed while the undeformed image stays the target, as in a denoising
    autoencoder. The energy of a deformed image is then its distance to the image it should become, which pulls over far
    larger distances than a plain VAE, whose reconstruction follows the deformation.
    """

    def __init__(self, config, images, masks, networks=None):
        self.images, self.settings = enlarge(images, config), config["vae"]
        self.maps = MapPool(config, self.settings["deformations"]) if self.settings.get("deformed", 0) > 0 else None

    def __call__(self, network, batch, generator):
        x = vary(self.images[batch], self.settings, generator)
        y = x
        if self.maps is not None:
            warped = fields.warp(x, self.maps.draw(len(batch), generator))
            y = torch.where(torch.rand(len(batch), 1, 1, 1, generator=generator) < self.settings["deformed"], warped, x)
        error, divergence = (term.mean() for term in vae_terms(x, *network(y)))
        return {"loss": error + self.settings["beta"] * divergence, "error": error.detach(), "kl": divergence.detach()}


class _CriticLoss:
    """Wasserstein loss with gradient penalty, plus guidance.

    Guidance teaches the critic what descent needs: on an image that is still deformed by the map with inverse
    ``p + r(p)``, the score's derivative with respect to a further velocity lattice shall be that of
    ``scale / 2 * mean |r|^2``, so that following it undoes the deformation. Half of the images are deformed once, half
    are partly undone again, as they are in the course of an optimisation.
    """

    def __init__(self, config, images, masks, networks=None):
        self.images, self.settings = enlarge(images, config), config["critic"]
        size = config["size"]
        self.padding = config["padding"]
        self.maps = MapPool(config, self.settings["deformations"])
        basis = F.interpolate(torch.eye(self.settings["lattice"])[None], size, mode="linear", align_corners=True)[0]
        self.basis = basis

    def __call__(self, network, batch, generator):
        settings = self.settings
        x = vary(self.images[batch], settings, generator)
        with torch.no_grad():
            # Compositions and inverses on a coarse grid: the maps are smooth and full resolution would take most of the time.
            u = self.maps.draw(len(batch), generator)
            y = fields.warp(x, u, "zeros")
            half, coarse = len(batch) // 2, settings["coarse"]
            u = fields.upsample(u, coarse, coarse)
            share = torch.rand(half, 1, 1, 1, generator=generator) * 1.1
            other = 0.5 * torch.rand(half, 1, 1, 1, generator=generator) * self.maps.draw(half, generator)
            further = share * fields.inverse(u[:half], 10) + fields.upsample(other, coarse, coarse)
            y[:half] = fields.warp(y[:half], fields.upsample(further, *x.shape[2:]), self.padding)
            u[:half] = fields.compose(u[:half], further)
            residual = fields.upsample(fields.inverse(u, 10), *x.shape[2:])
            # Undeformed images too: there the gradient has to vanish.
            y = torch.cat([y, x[: half // 2]])
            residual = torch.cat([residual, torch.zeros_like(residual[: half // 2])])
        y.requires_grad_(True)
        score, real = network(y), network(x)
        gradient, = torch.autograd.grad(score.sum(), y, create_graph=True)
        scale = settings["scale"]

        pixel = 2.0 / (x.shape[-1] - 1)
        slope = torch.stack([_central(y.detach(), 3), _central(y.detach(), 2)], 1) / pixel
        force = self._adjoint((gradient[:, None] * slope).sum(2))
        wanted = self._adjoint(-residual * (scale / residual[0, 0].numel()))
        # The lattice's derivatives are tiny (a share of the mean each): bring both to the size of a displacement.
        unit = self.settings["lattice"] ** 2 / scale
        guidance = ((force - wanted) * unit).pow(2).sum(1).mean()
        level = scale * 0.5 * residual.pow(2).sum(1).mean((1, 2))
        value = ((score - level) / scale).pow(2).mean() + (real / scale).pow(2).mean()

        penalty = torch.zeros(())
        if settings["penalty"] > 0:
            mix = torch.rand(len(x), 1, 1, 1, generator=generator)
            between = (mix * x + (1 - mix) * y[: len(x)]).detach().requires_grad_(True)
            slope, = torch.autograd.grad(network(between).sum(), between, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).clamp(min=0).pow(2).mean()
        wasserstein = real.mean() - score.mean()
        loss = (settings["wasserstein"] * wasserstein + settings["penalty"] * penalty
                + settings["guidance"] * guidance + settings["value"] * value)
        with torch.no_grad():
            none = (wanted * unit).pow(2).sum(1).mean()
        return {"loss": loss, "wasserstein": wasserstein.detach(), "penalty": penalty.detach(),
                "gradient": gradient.detach().flatten(1).norm(dim=1).mean(),
                "guidance": (guidance / none).detach(), "value": value.detach()}

    def _adjoint(self, field):
        """Transposed bilinear upsampling: sums (N, 2, H, W) into lattice weights."""
        return torch.einsum("ih,nchw,jw->ncij", self.basis, field, self.basis)


class MapPool:
    """Random maps of random strength, drawn from a fixed set; a share of an unfolded map stays nearly always unfolded."""

    def __init__(self, config, counts):
        self.maps = torch.cat([deformation_pool(preset, config["seed"] + 100 + i, count, config["size"])
                               for i, (preset, count) in enumerate(counts.items())])

    def draw(self, count, generator):
        chosen = self.maps[torch.randint(len(self.maps), (count,), generator=generator)]
        # Mirroring a map left to right gives another of its family.
        mirrored = chosen.flip(3) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
        chosen = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.5, mirrored, chosen)
        return chosen * torch.rand(count, 1, 1, 1, generator=generator)


def deformation_pool(preset, seed, count, size):
    """Maps (count, 2, size, size) of one preset, float32."""
    maps = [deformations.random_map(preset, seed, i, size, size) for i in range(count)]
    return torch.from_numpy(np.stack(maps).astype(np.float32))


def vae_terms(image, reconstruction, mu, logvar):
    """Squared error and KL, summed over each image; both (N,)."""
    error = (image - reconstruction).pow(2).flatten(1).sum(1)
    divergence = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
    return error, divergence


def _central(image, dim):
    return (torch.roll(image, -1, dim) - torch.roll(image, 1, dim)) / 2


LOSSES = {"inner": _InnerLoss, "augmented": _AugmentedLoss, "vae": _VaeLoss, "critic": _CriticLoss, "proposer": proposals.ProposerLoss}
