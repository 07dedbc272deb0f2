#!/usr/bin/env python3
"""Makes data and networks trained on it without deformations, to try `diffeonn fit` on. See README.md."""

import argparse
import csv
import os
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

import drawing
import networks

IMAGENET_MEAN, IMAGENET_STD = (.485, .456, .406), (.229, .224, .225)


class Example:
    """What is drawn, what learns it, and what its ONNX file looks like.

    `task` is segmentation, classification or points; `draw` takes a Generator; `network` makes what is trained, `wrap` what is exported.
    """

    def __init__(self, task, draw, network, epochs, counts=(800, 300), grey=True, mean=(0,), std=(1,), wrap=None, dtype=torch.float32,
                 batch=None):
        self.task, self.draw, self.network, self.epochs, self.counts, self.grey = task, draw, network, epochs, counts, grey
        self.mean, self.std, self.wrap, self.dtype, self.batch = mean, std, wrap, dtype, batch

    def make(self, seed):
        """Images (N, H, W) or (N, H, W, 3), bytes, and truths, of a training and a test set."""
        sets = []
        for part, count in enumerate(self.counts):
            drawn = [self.draw(np.random.default_rng((seed, part, i))) for i in range(count)]
            images = [np.asarray(Image.fromarray(image).convert("L")) if self.grey else image for image, _ in drawn]
            sets.append((np.stack(images), np.stack([truth for _, truth in drawn])))
        return sets

    def values(self, images):
        """What the trained network takes: (N, C, H, W)."""
        x = torch.from_numpy(images).to(torch.float32) / 255
        x = x[:, None] if self.grey else x.permute(0, 3, 1, 2)
        shape = (1, -1, 1, 1)
        return ((x - torch.tensor(self.mean).view(shape)) / torch.tensor(self.std).view(shape)).contiguous()


EXAMPLES = {
    "rgb-segmentation": Example(
        "segmentation", lambda rng: drawing.body(rng, 64, 96), lambda: networks.UNet(3, 3), 12, grey=False,
        mean=IMAGENET_MEAN, std=IMAGENET_STD),
    "rgb-classification": Example(
        "classification", lambda rng: drawing.letter(rng, 32), lambda: networks.classifier(3, 10), 10, (3000, 2000), grey=False),
    "quarter": Example("segmentation", lambda rng: drawing.body(rng, 64, 64), lambda: networks.Quarter(1, 3), 10),
    "channels-last": Example(
        "segmentation", lambda rng: drawing.body(rng, 48, 64), lambda: networks.UNet(3, 3), 10, grey=False, wrap=networks.ChannelsLast),
    "fixed-batch": Example("segmentation", lambda rng: drawing.body(rng, 64, 64), lambda: networks.UNet(1, 3), 10, batch=1),
    "bytes": Example(
        "classification", lambda rng: drawing.letter(rng, 32), lambda: networks.classifier(1, 10), 8, (3000, 1000), wrap=networks.Bytes,
        dtype=torch.uint8),
    "points": Example("points", lambda rng: drawing.face(rng, 64), lambda: networks.Points(1, 5, 64), 25),
}


def loss_of(task, answer, truth):
    if task == "points": return nn.functional.smooth_l1_loss(answer, truth.flatten(1).to(torch.float32))
    if task == "segmentation" and answer.shape[2:] != truth.shape[1:]:
        answer = nn.functional.interpolate(answer, truth.shape[1:], mode="bilinear", align_corners=False)
    return nn.functional.cross_entropy(answer, truth.to(torch.int64))


def score_of(task, answer, truth):
    """IoU of the classes but 0, accuracy, or distance in pixels: a mean over images."""
    if task == "points": return (answer.view(truth.shape) - truth).norm(dim=2).mean().item()
    if task == "classification": return (answer.argmax(1) == truth).to(torch.float32).mean().item()
    if answer.shape[2:] != truth.shape[1:]:
        answer = nn.functional.interpolate(answer, truth.shape[1:], mode="bilinear", align_corners=False)
    found = answer.argmax(1)
    ious = []
    for number in range(1, answer.shape[1]):
        both = ((found == number) & (truth == number)).sum((1, 2))
        either = ((found == number) | (truth == number)).sum((1, 2))
        ious.append(torch.where(either == 0, 1., both / either.clamp(min=1)))
    return torch.stack(ious).mean().item()


@torch.no_grad()
def measure(example, network, images, truths):
    network.eval()
    answers = torch.cat([network(part) for part in example.values(images).split(50)])
    return score_of(example.task, answers, torch.from_numpy(truths))


def train(example, images, truths, seed, batch=16):
    """A network trained on images as they are."""
    torch.manual_seed(seed)
    network = example.network()
    x, y = example.values(images), torch.from_numpy(truths)
    steps = example.epochs * (len(x) // batch)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 6e-3 if example.task == "segmentation" else 3e-3, steps)
    for epoch in range(example.epochs):
        network.train()
        start, total, order = time.time(), 0., torch.randperm(len(x))
        for chosen in order[:len(x) // batch * batch].split(batch):
            loss = loss_of(example.task, network(x[chosen]), y[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item()
        print(f"  epoch {epoch + 1} of {example.epochs}: loss {total / (len(x) // batch):.4f}, {time.time() - start:.0f} s", flush=True)
    return network.eval()


def export(example, network, images, path):
    whole = (example.wrap(network) if example.wrap else network).eval()
    x = example.values(images[:example.batch or 2])
    if example.wrap is networks.ChannelsLast: x = x.permute(0, 2, 3, 1).contiguous()
    if example.dtype == torch.uint8: x = torch.from_numpy(images[:2])[:, None]
    free = {} if example.batch else {"image": {0: "batch"}, "answer": {0: "batch"}}
    torch.onnx.export(whole, x, path, opset_version=13, input_names=["image"], output_names=["answer"], dynamic_axes=free)


def write(example, folder, images, truths, part):
    """images/, and masks/, points.csv, or labels in split.csv."""
    names = [f"{part}_{i:04}.png" for i in range(len(images))]
    os.makedirs(os.path.join(folder, "images"), exist_ok=True)
    for name, image in zip(names, images): Image.fromarray(image).save(os.path.join(folder, "images", name))
    if example.task == "segmentation":
        os.makedirs(os.path.join(folder, "masks"), exist_ok=True)
        for name, mask in zip(names, truths): Image.fromarray(mask).save(os.path.join(folder, "masks", name))
    elif example.task == "classification":
        table(folder, "split.csv", ("name", "split", "label"), [(name, part, int(label)) for name, label in zip(names, truths)])
    else:
        rows = [(name, f"{x:.4f}", f"{y:.4f}") for name, points in zip(names, truths) for x, y in points]
        table(folder, "points.csv", ("name", "column", "row"), rows)


def table(folder, name, header, rows):
    with open(os.path.join(folder, name), "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(EXAMPLES)}; all if left out")
    parser.add_argument("--output", required=True, help="folder to write NAME/model.onnx, NAME/train and NAME/test into")
    parser.add_argument("--seed", type=int, default=1, help="of images, weights and batches")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch; other numbers give other weights")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(EXAMPLES)):
        parser.error(f"no example is named {', '.join(unknown)}; there are {', '.join(EXAMPLES)}")
    torch.set_num_threads(options.threads)
    for name in options.names or EXAMPLES:
        example, folder = EXAMPLES[name], os.path.join(options.output, name)
        print(f"{name}: drawing", flush=True)
        (images, truths), (test_images, test_truths) = example.make(options.seed)
        write(example, os.path.join(folder, "train"), images, truths, "train")
        write(example, os.path.join(folder, "test"), test_images, test_truths, "test")
        network = train(example, images, truths, options.seed)
        export(example, network, images, os.path.join(folder, "model.onnx"))
        unit = {"segmentation": "IoU", "classification": "accuracy", "points": "pixels"}[example.task]
        print(f"{name}: {unit} on undeformed test images {measure(example, network, test_images, test_truths):.4f}", flush=True)


if __name__ == "__main__":
    main()
