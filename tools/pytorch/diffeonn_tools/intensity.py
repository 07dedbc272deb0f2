"""Variation of brightness, contrast, gamma and noise; shapes stay."""

import torch


def vary_intensity(x, strength, generator):
    """Images of [0, 1] varied at random, by ``strength``; 0 leaves them alone."""
    if strength == 0:
        return x
    shape = (len(x), 1, 1, 1)
    gain, shift, power = (torch.rand(shape, generator=generator) * 2 - 1 for _ in range(3))
    y = x.clamp(min=1e-4) ** torch.exp(0.6 * strength * power)
    y = (y - 0.5) * (1 + 0.4 * strength * gain) + 0.5 + 0.2 * strength * shift
    return (y + 0.02 * strength * torch.randn(x.shape, generator=generator)).clamp(0, 1)
