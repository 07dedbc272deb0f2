"""Training of the proposer: deform an undeformed image, propose, exponentiate, compare with what it was."""

import torch
from torch.nn import functional as F

from . import deformations, fields
from .data import enlarge
from .intensity import vary

# Maps are kept on this many nodes a side and upsampled bicubically: they are smooth.
NODES = 33


class ProposerLoss:
    """Errors of image and mask after the proposed map, and of the map itself, plus smoothness of the velocity.

    A share ``identity`` of the images stays undeformed, the rest is deformed by random maps of random strength. Images vary
    in intensity, before they are deformed: a deformed image is zero outside, a canonical one what the padding makes it. All is done
    at the size the network reduces images to, which is several times faster.

    With ``task`` above 0 the frozen inner model's cross entropy on the canonical image counts, too: for classifications
    with the image's label, for masks with the mask that went through the same maps as the image, so that only the answer
    matters and not where the canonical image lies. It takes images of full size, ``taskBatch`` of each batch, and joins after the
    share ``taskFrom`` of the training.

    A share ``unrolled`` of the batches is a second pass: the network sees what its own first proposal leads to, and
    answers for the composition of both, as it is used when a bundle asks for several passes.
    """

    def __init__(self, config, images, targets, networks=None):
        self.settings, self.padding, self.squarings = config["proposer"], config["padding"], config["optimiser"]["squarings"]
        self.progress = 0.0
        self.inner = networks["inner"].requires_grad_(False).eval() if self.settings.get("task", 0) > 0 else None
        self.config, self.full = config, (images, targets)
        factor = self.settings["network"]["downsample"]
        # Images smaller than the networks' are deformed at their own size, as they are when they come in, and enlarged afterwards.
        self.small = images.shape[-1] < config["size"]
        self.images = images if self.small else F.avg_pool2d(images, factor)
        self.masks = F.avg_pool2d(targets, factor) if targets.dim() > 1 else None
        self.maps = CoarseMapPool(self.settings["deformations"], config["seed"] + 200)

    def __call__(self, network, batch, generator):
        settings = self.settings
        with_task = self.inner is not None and self.progress >= settings.get("taskFrom", 0.0)
        images, masks = (self.full[0], self.full[1] if self.masks is not None else None) if with_task else (self.images, self.masks)
        x = vary(images[batch], settings, generator)
        nodes = self.maps.draw(len(batch), generator)
        nodes = nodes * (torch.rand(len(batch), 1, 1, 1, generator=generator) >= settings["identity"])
        u = F.interpolate(nodes, x.shape[2:], mode="bicubic", align_corners=True)
        target = x if masks is None else torch.cat([x, masks[batch]], 1)
        deformed = fields.warp(target, u)
        if self.small:
            target, deformed = enlarge(target, self.config), enlarge(deformed, self.config)
        image = deformed[:, : x.shape[1]]
        v = self._velocity(network if with_task or self.small else network.propose, image, generator)

        # Maps are exponentiated and compared on the proposal's own lattice.
        w = fields.exponential(v, self.squarings)
        wanted = fields.inverse(F.interpolate(nodes, v.shape[2:], mode="bicubic", align_corners=True), 15)
        undone = fields.warp(deformed, fields.upsample(w, *deformed.shape[2:]), self.padding)
        error = (undone - target).pow(2).mean((0, 2, 3))
        image_error, mask_error = error[: x.shape[1]].mean(), error[x.shape[1]:].sum()
        distance = (w - wanted).pow(2).sum(1).mean()
        smoothness = fields.smoothness(v).mean()
        loss = (settings["image"] * image_error + settings["mask"] * mask_error + settings["displacement"] * distance
                + settings["smoothness"] * smoothness)
        parts = {"image": image_error.detach(), "mask": mask_error.detach(), "displacement": distance.detach(),
                 "smoothness": smoothness.detach()}
        if with_task:
            task = self._task(undone[: settings.get("taskBatch", len(batch))], self.full[1][batch])
            loss = loss + settings["task"] * task
            parts["task"] = task.detach()
        return {"loss": loss, **parts}

    def _velocity(self, propose, image, generator):
        share = self.settings.get("unrolled", 0.0)
        if share == 0 or torch.rand((), generator=generator) >= share:
            return propose(image)
        with torch.no_grad():
            first = propose(image)
            left = fields.warp(image, fields.upsample(fields.exponential(first, self.squarings), *image.shape[2:]), self.padding)
        return fields.compose_velocities(first, propose(left), *image.shape[2:])

    def _task(self, undone, targets):
        """Cross entropy of the inner model on canonical images."""
        if self.masks is None:
            return F.cross_entropy(self.inner(undone), targets[: len(undone)])
        # Masks are no answer: the map moves them with the image, and the gradient goes through the image alone.
        mask = undone[:, -1].detach()
        return F.cross_entropy(self.inner(undone[:, :-1]), torch.stack([1 - mask, mask], 1))


class CoarseMapPool:
    """Random maps (N, 2, NODES, NODES) of random strength, drawn from a fixed set and its mirror images."""

    def __init__(self, counts, seed):
        maps = [deformations.random_map(preset, seed + i, index, NODES, NODES)
                for i, (preset, count) in enumerate(counts.items()) for index in range(count)]
        self.maps = torch.stack([torch.from_numpy(u).float() for u in maps])

    def draw(self, count, generator):
        u = self.maps[torch.randint(len(self.maps), (count,), generator=generator)]
        # Mirrored left to right, upside down or along the diagonal a map stays in its family.
        for mirror in (_left_right, _upside_down, _diagonal):
            u = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.5, mirror(u), u)
        return u * torch.rand(count, 1, 1, 1, generator=generator)


def _left_right(u):
    return u.flip(3) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)


def _upside_down(u):
    return u.flip(2) * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)


def _diagonal(u):
    return u.transpose(2, 3).flip(1)
