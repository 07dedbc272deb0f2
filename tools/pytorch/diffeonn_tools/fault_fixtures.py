"""The model whose faults the library's tests plant: ``python3 -m diffeonn_tools.fault_fixtures --output DIR``.

A small network with one of each of the operators that faults are planted in. Its tests change ``model.onnx`` in memory and
expect the changed node to be found from the intermediate values. Written with the TorchScript exporter of PyTorch 1.13;
same versions give the same tensors.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import nn

from .model_reference import command
from .model_reference.inputs import Input

SIZE = 12
SEED = 5


class Block(nn.Module):
    """Convolution, normalisation (which the exporter merges with it) and a leaky slope."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Attention(nn.Module):
    """Single-head attention over the pixels, with a residual."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.soft = nn.Softmax(-1)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        h = self.norm(tokens)
        weights = self.soft(self.query(h) @ self.key(h).transpose(1, 2) * h.shape[-1] ** -0.5)
        return (tokens + self.out(weights @ self.value(h))).transpose(1, 2).reshape(-1, h.shape[-1], SIZE // 4, SIZE // 4)


class FaultNetwork(nn.Module):
    """Down, attention, up, joined with what came before; logits (N, 2, H, W) and a gate (N, 2) from pooled features."""

    def __init__(self, width=4):
        super().__init__()
        self.first = Block(2, width)
        self.pool = nn.MaxPool2d(2)
        self.before = nn.BatchNorm2d(width)  # nothing in front to merge with, so its epsilon is in the model
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.group = nn.InstanceNorm2d(2 * width, affine=True)
        self.act = nn.GELU()
        self.attention = Attention(2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.resize = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.head = nn.Conv2d(2 * width, 2, 1)
        self.gate = nn.Linear(2 * width, 2)
        self.squash = nn.Sigmoid()

    def forward(self, image):
        wide = self.first(image)
        narrow = self.act(self.group(self.down(self.before(self.pool(wide)))))
        attended = self.attention(narrow)
        joined = torch.cat([self.average(wide), self.resize(self.up(attended))], 1)
        gate = self.squash(self.gate(attended.mean((2, 3))))
        return {"logits": self.head(joined) * gate[:, :, None, None], "gate": gate}


def build():
    """The network in evaluation mode, every weight and statistic away from the value that hides a fault."""
    torch.manual_seed(SEED)
    network = FaultNetwork()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d, nn.LayerNorm)):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.3)
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.bias, 0, 0.3)
    network.train()
    for _ in range(20):
        network(torch.randn(8, 2, SIZE, SIZE))
    return network.eval()


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="diffeonn_tools.fault_fixtures",
                                     description="Writes the model in which tests plant faults, with its references.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    options = parser.parse_args(arguments)
    manifest = command.write(build(), [Input("image", (1, 2, SIZE, SIZE))], options.output, exporter="torchscript", seed=SEED)
    for entry in manifest["modules"]:
        print(f"{entry['index']:3} {entry['path']:20} {entry['type']:18} {entry['value']}")
    for note in manifest["notes"]:
        print(f"note: {note}")
    print(f"{sum(file.stat().st_size for file in options.output.rglob('*') if file.is_file()) // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
