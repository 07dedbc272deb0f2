"""Exports small networks by both of this PyTorch's exporters, with inputs, outputs and gradients as ``diffeonn validate`` reads them.

Each goes into a folder ``NAME-EXPORTER-OPSET``, written by ``diffeonn_tools reference``; where that fails, by plain calls of PyTorch.
``fixtures.json`` says what was written by which versions, and what failed: one failure does not stop the others.
"""

import time

BEGUN = time.perf_counter()  # loading PyTorch counts, too

import argparse
import inspect
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from fixture_models import FIXTURES, build

TOOLS = Path(__file__).resolve().parent.parent / "pytorch"
MODEL_BYTES, TOTAL_BYTES = 60_000, 1_500_000


def requests():
    """Name, exporter and operator set of each export; those of both exporters alternate, so that a limit cuts off neither."""
    return [
        (name, exporter, opset)
        for name, fixture in FIXTURES.items()
        for exporter in ("torchscript", "dynamo")
        for opset in getattr(fixture, exporter)
    ]


def by_the_tool(name, exporter, opset, folder):
    """Writes by ``diffeonn_tools``; returns its notes."""
    from diffeonn_tools.model_reference import command, inputs

    key, shape = FIXTURES[name].input
    manifest = command.write(build(name), [inputs.Input(key, shape)], folder, exporter=exporter, opset=opset, intermediates=False)
    return manifest["notes"]


def by_plain_calls(name, exporter, opset, folder):
    """The same files without ``diffeonn_tools``, the batch fixed."""
    key, shape = FIXTURES[name].input
    generator = np.random.default_rng(1)
    image = torch.from_numpy(generator.standard_normal(shape)).float()
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    known = inspect.signature(torch.onnx.export).parameters
    options = {"dynamo": exporter == "dynamo", "external_data": False}
    torch.onnx.export(
        build(name),
        (image,),
        str(folder / "model.onnx"),
        input_names=[key],
        output_names=["output"],
        opset_version=opset,
        **{option: value for option, value in options.items() if option in known},
    )
    x = image.double().requires_grad_(True)
    y = build(name).double()(x)
    upstream = torch.from_numpy(generator.standard_normal(tuple(y.shape))).float()
    (gradient,) = torch.autograd.grad(y, x, upstream.double())
    files = {
        "input_0.pb": (key, image),
        "output_0.pb": ("output", y),
        "output_grad.pb": ("output_grad", upstream),
        f"{key}_grad.pb": (f"{key}_grad", gradient),
    }
    for file, (label, tensor) in files.items():
        (data / file).write_bytes(numpy_helper.from_array(tensor.detach().float().numpy(), label).SerializeToString())
    return ["written without diffeonn_tools"]


def write(name, exporter, opset, folder):
    """One export; returns notes, among them why the tool could not do it where that is so."""
    try:
        return by_the_tool(name, exporter, opset, folder)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        if exporter == "dynamo" and "dynamo" not in inspect.signature(torch.onnx.export).parameters:
            raise
        return [f"diffeonn_tools failed: {first_line(error)}", *by_plain_calls(name, exporter, opset, folder)]


def first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def export(name, exporter, opset, folder):
    """One export; what ``fixtures.json`` says of it."""
    notes = write(name, exporter, opset, folder)
    model = onnx.load(str(folder / "model.onnx"))
    size = (folder / "model.onnx").stat().st_size
    if size > MODEL_BYTES:
        notes = [*notes, f"the model has {size} bytes; expected at most {MODEL_BYTES}"]
    return {
        "written": True,
        "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        "modelBytes": size,
        "opsetWritten": next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")),
        "operators": sorted({node.op_type for node in model.graph.node}),
        "functions": len(model.functions),
        "notes": notes,
    }


def run(request, output, seconds):
    """One export in a process of its own, since exporters may crash; what ``fixtures.json`` says of it."""
    name, exporter, opset = request
    folder = output / f"{name}-{exporter}-{opset}"
    start = time.perf_counter()
    code, text = call([sys.executable, __file__, "--output", str(output), "--only", name, exporter, str(opset)], seconds)
    last = (text.strip().splitlines() or [""])[-1]
    if code == 0:
        found = json.loads(last)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        found = {"written": False, "why": f"code {code}: {last[:300]}"}
    return {
        "name": folder.name,
        "model": name,
        "exporter": exporter,
        "opset": opset,
        **found,
        "seconds": round(time.perf_counter() - start, 2),
    }


def call(words, seconds):
    """Code and output of a command; what lasts longer is ended."""
    if seconds < 1:
        return None, "not started: the time is spent"
    paths = [str(TOOLS), str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    try:
        found = subprocess.run(
            words,
            # Many run side by side.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"stopped after {seconds:.0f} s"
    return found.returncode, found.stdout


def try_command(output, seconds):
    """The tool's command line as a user would call it, on one of the networks."""
    code, text = call(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "diffeonn_tools",
            "reference",
            "--module",
            "fixture_models:Classifier",
            "--input",
            "image=2,3,16,16",
            "--output",
            str(output / "command"),
        ],
        seconds,
    )
    return {"code": code, "output": text[-4000:]}


def versions():
    """Of what decides how an export looks."""
    found = {"torch": torch.__version__, "onnx": onnx.__version__, "python": platform.python_version()}
    for name in ("onnxscript", "onnx_ir"):
        try:
            found[name] = getattr(__import__(name), "__version__", "unknown")
        except ImportError:
            found[name] = None
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Exports small networks with references by both exporters.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--seconds", type=float, default=55, help="limit of the whole (default 55)")
    parser.add_argument(
        "--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="exports at the same time (default half of the cores)"
    )
    parser.add_argument(
        "--only", nargs=3, metavar=("NAME", "EXPORTER", "OPSET"), help="this export alone; its entry is the last line printed"
    )
    options = parser.parse_args(arguments)
    end = (BEGUN if arguments is None else time.perf_counter()) + options.seconds
    sys.path.insert(0, str(TOOLS))
    if options.only:
        name, exporter, opset = options.only
        print("\n" + json.dumps(export(name, exporter, int(opset), options.output / f"{name}-{exporter}-{opset}")))
        return 0

    options.output.mkdir(parents=True, exist_ok=True)
    content = {"versions": versions(), "fixtures": [], "command": None}

    def keep():
        (options.output / "fixtures.json").write_text(json.dumps(content, indent=1) + "\n")

    with ThreadPoolExecutor(options.jobs) as pool:
        exports = [pool.submit(lambda r=request: run(r, options.output, end - time.perf_counter())) for request in requests()]
        command = pool.submit(lambda: try_command(options.output, end - time.perf_counter()))
        for task in as_completed(exports):
            entry = task.result()
            content["fixtures"].append(entry)
            keep()
            print(
                f"{entry['name']}: "
                + (f"{entry['bytes']} bytes" if entry["written"] else f"failed: {entry['why']}")
                + f", {entry['seconds']} s",
                flush=True,
            )
            for note in entry.get("notes", []):
                print(f"  note: {note}", flush=True)
        content["command"] = command.result()
    content["fixtures"].sort(key=lambda entry: entry["name"])
    keep()
    print(f"python -m diffeonn_tools reference: code {content['command']['code']}\n{content['command']['output']}", flush=True)

    total = sum(file.stat().st_size for file in options.output.rglob("*") if file.is_file())
    written = sum(entry["written"] for entry in content["fixtures"])
    print(f"{written} of {len(content['fixtures'])} written, {total} bytes" + (f", more than {TOTAL_BYTES}" if total > TOTAL_BYTES else ""))
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
