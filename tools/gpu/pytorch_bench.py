"""Times a bundle's networks in PyTorch, eager and compiled: what the library's times on the same machine stand beside.

For each bundle the inner network and the energy (VAE, critic and its own, weighted as the manifest says), forward and forward with the
gradient by the image, in float32 without TF32. Before anything is timed, outputs and gradients are compared with the bundle's
reference tensors. Results are written after every measurement, so that a run that is stopped loses nothing.
"""

import time

BEGUN = time.perf_counter()  # loading PyTorch counts, too

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import onnx_torch
from limits import OutOfTime, limit

TOLERANCE, COSINE = 1e-4, 0.9999
MODES = ("eager", "compiled", "graphs")
WORK = ("forward", "gradient")
# The most telling size comes first: what is measured last is what a limit cuts off.
BATCHES = (64, 1, 8, 32, 128)


class Inner(torch.nn.Module):
    """The network whose answer is wanted; its first output."""

    outputs, image, gradient = ("output_0.pb",), "input_0.pb", "image_grad.pb"

    def __init__(self, folder, manifest):
        super().__init__()
        entry = manifest["models"]["inner"]
        self.network, self.upstream = onnx_torch.load(folder / entry["file"]), f"{entry['output']['name']}_grad.pb"

    def forward(self, image):
        return self.network(image)[0]


class Energy(torch.nn.Module):
    """Weighted sum of the VAE's loss, the critic's score and the bundle's own energy for each image, as the search minimises it."""

    outputs, image, gradient, upstream = ("output_0.pb",), "input_0.pb", "output_2.pb", None

    def __init__(self, folder, manifest):
        super().__init__()
        models, self.weights = manifest["models"], manifest["energy"]
        outputs = [value.name for value in onnx.load(str(folder / models["vae"]["file"])).graph.output]
        self.places = [outputs.index(models["vae"][name]) for name in ("reconstruction", "mean", "logVariance")]
        self.vae, self.critic = (onnx_torch.load(folder / models[name]["file"]) for name in ("vae", "critic"))
        self.own = onnx_torch.load(folder / models["energy"]["file"]) if "energy" in models else None

    def forward(self, image):
        found = self.vae(image)
        reconstruction, mean, log_variance = (found[place] for place in self.places)
        error = (image - reconstruction).pow(2).flatten(1).sum(1)
        divergence = 0.5 * (mean.pow(2) + log_variance.exp() - 1 - log_variance).sum(1)
        score = self.critic(image)[0].flatten()
        energy = self.weights["vae"] * (error + self.weights["beta"] * divergence) + self.weights["adversarial"] * score
        return energy if self.own is None else energy + self.weights["energy"] * self.own(image)[0].flatten()


NETWORKS = {"inner": Inner, "energy": Energy}


class Report:
    """What was found so far; a file that is replaced whole each time."""

    def __init__(self, path, **head):
        self.path = path
        self.content = {**head, "verification": [], "measurements": [], "skipped": []}

    def add(self, kind, **entry):
        self.content[kind].append(entry)
        self.write()
        print(
            " ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in entry.items()), flush=True
        )

    def write(self):
        if self.path:
            written = self.path.with_name(self.path.name + ".part")
            written.write_text(json.dumps(self.content, indent=1) + "\n")
            written.replace(self.path)


def read(path):
    return torch.from_numpy(np.array(numpy_helper.to_array(onnx.load_tensor(str(path)))))


def gradient(network, image, upstream):
    """Outputs, and the gradient by the image of the sum of upstream times output."""
    image = image.detach().requires_grad_(True)
    output = network(image)
    (found,) = torch.autograd.grad(output, image, torch.ones_like(output) if upstream is None else upstream)
    return output.detach(), found


def verify(network, folder, device):
    """Largest difference of the outputs as a share of the largest value, and the cosine of the gradients."""
    image, expected = read(folder / network.image).to(device), read(folder / network.outputs[0])
    upstream = read(folder / network.upstream).to(device) if network.upstream else None
    output, found = (tensor.cpu().double() for tensor in gradient(network, image, upstream))
    error = float((output.reshape(expected.shape) - expected).abs().max() / expected.abs().max())
    reference = read(folder / network.gradient).double()
    cosine = float(torch.nn.functional.cosine_similarity(found.flatten(), reference.flatten(), 0))
    return error, cosine


class Clock:
    """Times calls one by one: by the device's events, or on the CPU by the wall clock."""

    def __init__(self, device, seconds):
        self.cuda, self.seconds = device.type == "cuda", seconds

    def median(self, call):
        """Milliseconds of the median call after a warm-up, and how many were timed."""
        end = time.perf_counter() + self.seconds / 4
        for _ in range(5):
            call()
            self._wait()
            if time.perf_counter() > end:
                break
        end = time.perf_counter() + self.seconds
        times = []
        while len(times) < 3 or (time.perf_counter() < end and len(times) < 100):
            times.append(self._one(call))
        return statistics.median(times), len(times)

    def _one(self, call):
        if not self.cuda:
            start = time.perf_counter()
            call()
            return 1e3 * (time.perf_counter() - start)
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        call()
        last.record()
        last.synchronize()
        return first.elapsed_time(last)

    def _wait(self):
        if self.cuda:
            torch.cuda.synchronize()


def prepared(network, mode):
    """The network as a mode runs it; ``graphs`` is compiled and replays CUDA graphs."""
    if mode == "eager":
        return network
    torch._dynamo.reset()
    return torch.compile(network, dynamic=False, **({"mode": "reduce-overhead"} if mode == "graphs" else {}))


def measure(network, mode, batch, shape, clock, device, report, labels):
    """Both kinds of work of one network, mode and batch size."""
    image = torch.rand(batch, *shape, generator=torch.Generator().manual_seed(batch)).to(device)
    run = prepared(network, mode)

    def forward():
        with torch.no_grad():
            return run(image)

    upstream = torch.ones_like(network(image)).detach()
    for work, call in zip(WORK, (forward, lambda: gradient(run, image, upstream))):
        start = time.perf_counter()
        call()
        clock._wait()
        first = time.perf_counter() - start
        milliseconds, count = clock.median(call)
        report.add(
            "measurements",
            **labels,
            mode=mode,
            batch=batch,
            work=work,
            medianMs=milliseconds,
            imagesPerSecond=1e3 * batch / milliseconds,
            runs=count,
            firstCallSeconds=first,
        )


def load(options, device, report):
    """All networks, checked against the references; what is wrong or cannot be loaded is reported and left out."""
    found = {}
    for bundle in options.bundles:
        folder = options.models / bundle
        manifest = json.loads((folder / "diffeonn.json").read_text())
        shape = tuple(manifest["image"][name] for name in ("channels", "height", "width"))
        for name, create in NETWORKS.items():
            labels = {"bundle": bundle, "network": name}
            try:
                network = create(folder, manifest).to(device).eval()
                error, cosine = verify(network, folder / "reference" / name / "test_data_set_0", device)
                right = error <= TOLERANCE and cosine >= COSINE
                report.add("verification", **labels, outputError=error, gradientCosine=cosine, right=right)
                if right:
                    found[bundle, name] = network, shape, labels
            except Exception as error:  # one network must not take the others along
                report.add("skipped", **labels, why=f"{type(error).__name__}: {error}")
    return found


def sections(options, modes):
    """Modes with their networks and batch sizes, the most telling ones first."""
    for mode in modes:
        for batch in options.batches:
            for bundle in options.bundles:
                for name in NETWORKS:
                    yield mode, batch, bundle, name


def table(report):
    """Milliseconds of the medians, a row for each network and batch size, a column for each mode and work."""
    found = {}
    for m in report.content["measurements"]:
        found.setdefault((m["bundle"], m["network"], m["batch"]), {})[m["mode"], m["work"]] = m["medianMs"]
    columns = [(mode, work) for mode in MODES for work in WORK if any((mode, work) in row for row in found.values())]
    print("\nmedian ms".ljust(24) + "".join(f"{mode} {work}".rjust(20) for mode, work in columns))
    for (bundle, name, batch), row in sorted(found.items()):
        print(
            f"{bundle} {name} {batch}".ljust(23) + "".join((f"{row[column]:.3f}" if column in row else "-").rjust(20) for column in columns)
        )


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Times the networks of bundles in PyTorch.")
    parser.add_argument("--models", type=Path, required=True, help="folder of the bundles")
    parser.add_argument("--bundles", nargs="+", default=["lungs", "genus", "shapes"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--batches", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--seconds", type=float, default=100, help="limit of the whole (default 100)")
    parser.add_argument("--each", type=float, default=0.25, help="seconds a measurement (default 0.25)")
    parser.add_argument("--compiling", type=float, default=40, help="limit of one network, mode and batch size (default 40)")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args(arguments)
    end = (BEGUN if arguments is None else time.perf_counter()) + options.seconds

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)
    clock = Clock(device, options.each)
    report = Report(
        options.json,
        torch=torch.__version__,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {os.cpu_count()} cores",
        cudnn=torch.backends.cudnn.version(),
        cudnnBenchmark=torch.backends.cudnn.benchmark,
        tf32=False,
    )
    networks = load(options, device, report)
    modes = [mode for mode in options.modes if mode == "eager" or hasattr(torch, "compile")]
    if len(modes) < len(options.modes):
        report.add("skipped", why=f"PyTorch {torch.__version__} has no torch.compile")
    for mode, batch, bundle, name in sections(options, modes):
        if (bundle, name) not in networks:
            continue
        network, shape, labels = networks[bundle, name]
        left = end - time.perf_counter()
        if left < 1:
            report.add(
                "skipped",
                **labels,
                mode=mode,
                batch=batch,
                why=f"{options.seconds:.0f} s have passed; this and what would follow was not measured",
            )
            break
        try:
            with limit(min(left, options.compiling)):
                measure(network, mode, batch, shape, clock, device, report, labels)
        except (Exception, OutOfTime) as error:  # one size that fails, or is too large, must not take the others along
            first = (str(error).strip().splitlines() or [""])[0]
            report.add("skipped", **labels, mode=mode, batch=batch, why=f"{type(error).__name__}: {first}")
    table(report)
    return 0 if networks and all(entry["right"] for entry in report.content["verification"]) else 1


if __name__ == "__main__":
    sys.exit(main())
