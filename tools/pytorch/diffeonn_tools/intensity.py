"""Variation of brightness, contrast, gamma, noise and sharpness; shapes stay."""

import torch
from torch.nn import functional as F


def vary_intensity(x, strength, generator):
    """Images of [0, 1] varied at random, by ``strength``; 0 leaves them alone."""
    if strength == 0:
        return x
    shape = (len(x), 1, 1, 1)
    gain, shift, power = (torch.rand(shape, generator=generator) * 2 - 1 for _ in range(3))
    y = x.clamp(min=1e-4) ** torch.exp(0.6 * strength * power)
    y = (y - 0.5) * (1 + 0.4 * strength * gain) + 0.5 + 0.2 * strength * shift
    return (y + 0.02 * strength * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def vary_sharpness(x, share, generator):
    """A share of the images blurred at random, at most as by the tent 1-2-1, which is what resampling between pixels does twice."""
    if share == 0:
        return x
    amount = (1.3 * torch.rand(len(x), 1, 1, 1, generator=generator)).clamp(max=1)
    amount = amount * (torch.rand(len(x), 1, 1, 1, generator=generator) < share)
    tent = torch.tensor([0.25, 0.5, 0.25])
    kernel = (tent[:, None] * tent).expand(x.shape[1], 1, 3, 3)
    return (1 - amount) * x + amount * F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, groups=x.shape[1])


def vary(x, settings, generator):
    """Images varied as a role's settings ask: ``intensity`` and, where there is one, ``blur``."""
    return vary_sharpness(vary_intensity(x, settings["intensity"], generator), settings.get("blur", 0), generator)
