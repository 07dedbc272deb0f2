"""Models and PyTorch's gradients of them: ``python3 -m diffeonn_tools.gradient_references --output DIR``.

For each architecture two exports of the same network: ``NAME.onnx`` as users export (constants folded, normalisation
fused into convolutions, batch size free) and ``NAME.plain.onnx`` with every weight under its own name and sizes fixed.
``NAME.tensors.onnx`` is a graph of nothing but initialisers: inputs, outputs, a random upstream gradient ``OUTPUT_grad``
for each output, and autograd's ``INPUT_grad`` and ``WEIGHT_grad``, computed in float64 and stored as float32.
"""

import argparse
import copy
import inspect
import sys
import warnings
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .architectures import attention, convolutional, sequences
from .networks import UNet, Vae

BATCH = 3


class Reference(NamedTuple):
    """One architecture: how to build it, its inputs without the batch axis, its outputs, the operator set to export."""

    create: Callable[[], nn.Module]
    inputs: Sequence[tuple]
    outputs: Sequence[str]
    opset: int


def _image(channels, size):
    return [("image", (channels, size, size))]


REFERENCES = {
    "convnext": Reference(attention.ConvNext, _image(3, 16), ["scores"], 13),
    "dcgan_critic": Reference(convolutional.DcganCritic, _image(1, 32), ["score"], 12),
    "deeplab": Reference(convolutional.DeepLab, _image(3, 24), ["logits"], 13),
    "densenet": Reference(convolutional.DenseNet, _image(3, 16), ["scores"], 10),
    "diffusion_unet": Reference(attention.DiffusionUNet, _image(2, 8) + [("time", ())], ["noise"], 15),
    "efficientnet": Reference(convolutional.EfficientNet, _image(3, 16), ["scores"], 14),
    "gru_tagger": Reference(sequences.GruTagger, [("sequence", (6, 5))], ["scores"], 14),
    "language_model": Reference(attention.LanguageModel, [("tokens", (7,), 11)], ["log_probabilities"], 14),
    "lstm_classifier": Reference(sequences.LstmClassifier, [("sequence", (6, 5))], ["scores"], 14),
    "mobilenet_v3": Reference(convolutional.MobileNetV3, _image(3, 32), ["scores"], 14),
    "resnet": Reference(convolutional.ResNet, _image(3, 24), ["scores"], 9),
    "rnn_encoder": Reference(sequences.RnnEncoder, [("sequence", (6, 5))], ["code"], 14),
    "spatial_transformer": Reference(convolutional.SpatialTransformer, _image(1, 16), ["scores", "warped"], 16),
    "super_resolution": Reference(convolutional.SuperResolution, _image(2, 9), ["large"], 13),
    "swin": Reference(attention.SwinBlock, _image(3, 16), ["features"], 16),
    "unet": Reference(lambda: UNet(width=4, levels=2), _image(1, 16), ["logits"], 11),
    "unet3d": Reference(convolutional.UNet3d, [("volume", (1, 8, 8, 8))], ["logits"], 13),
    "vae": Reference(lambda: convolutional.VaeEnergy(Vae(size=16, widths=(6, 8), latent=5)), _image(1, 16),
                     ["reconstruction", "energy"], 15),
    "vit": Reference(attention.VisionTransformer, _image(3, 16), ["scores"], 16),
    "wavenet": Reference(sequences.WaveNet, [("sequence", (3, 12))], ["next"], 11),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="diffeonn_tools.gradient_references",
                                     description="Writes models and PyTorch's gradients of them.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--only", nargs="+", choices=sorted(REFERENCES), help="these architectures only")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.only or REFERENCES:
        write(options.output, name)
        print(f"{name}: {sum(file.stat().st_size for file in options.output.glob(name + '.*')) // 1024} KiB")
    return 0


def write(folder, name):
    """The three files of one architecture."""
    reference = REFERENCES[name]
    network = build(reference, seed=1 + sorted(REFERENCES).index(name))
    inputs = draw(reference.inputs, BATCH)
    export(network, reference, draw(reference.inputs, 2), folder / f"{name}.onnx", plain=False)
    export(network, reference, inputs, folder / f"{name}.plain.onnx", plain=True)
    graph = onnx.helper.make_graph([], name, [], [],
                                   [_tensor(key, value) for key, value in differentiate(network, reference, inputs).items()])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", reference.opset)]),
              str(folder / f"{name}.tensors.onnx"))


def build(reference, seed):
    """The network in evaluation mode, with statistics and weights with which gradients neither vanish nor explode."""
    torch.manual_seed(seed)
    network = reference.create()
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)
    for module in network.modules():
        if isinstance(module, norms):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None  # the running statistics are those of all batches seen
        elif isinstance(module, nn.RNNBase):
            for parameter in module.parameters():
                nn.init.normal_(parameter, 0, 0.5)
    network.train()
    for _ in range(3):
        network(*draw(reference.inputs, 8))
    return network.eval()


def draw(inputs, batch):
    """Random inputs: normal numbers, or whole numbers below the third item of an input."""
    return [torch.randint(0, rest[0], (batch, *shape)) if rest else torch.randn(batch, *shape) for _, shape, *rest in inputs]


def differentiate(network, reference, inputs):
    """Everything a gradient is compared with, by name, in float64."""
    network = copy.deepcopy(network).double()
    inputs = {row[0]: x.double().requires_grad_(True) if x.is_floating_point() else x for row, x in zip(reference.inputs, inputs)}
    outputs = network(*inputs.values())
    outputs = dict(zip(reference.outputs, outputs if isinstance(outputs, tuple) else (outputs,)))
    upstream = {name + "_grad": torch.randn_like(y) for name, y in outputs.items()}
    wanted = {**{name: x for name, x in inputs.items() if x.requires_grad}, **dict(network.named_parameters())}
    gradients = torch.autograd.grad(list(outputs.values()), list(wanted.values()), list(upstream.values()))
    return {**inputs, **outputs, **upstream, **{name + "_grad": g for name, g in zip(wanted, gradients)}}


def export(network, reference, example, path, plain):
    """One export; ``plain`` keeps every weight and fixes the sizes, otherwise the batch axis ``N`` is free."""
    names = [row[0] for row in reference.inputs]
    options = dict(opset_version=reference.opset, input_names=names, output_names=list(reference.outputs))
    if plain:
        options.update(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    else:
        options.update(dynamic_axes={name: {0: "N"} for name in [*names, *reference.outputs]})
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(copy.deepcopy(network), tuple(example), str(path), **options)
    onnx.checker.check_model(onnx.load(str(path)))


def _tensor(name, value):
    array = value.detach().numpy()
    return numpy_helper.from_array(np.ascontiguousarray(array.astype(np.float32) if array.dtype == np.float64 else array), name)


if __name__ == "__main__":
    sys.exit(main())
