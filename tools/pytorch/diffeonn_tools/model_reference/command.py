"""``python3 -m diffeonn_tools reference``: a user's own model with what PyTorch makes of it."""

import argparse
import hashlib
import json
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch

from .. import tensors
from . import Refused, exporting, inputs, loading, mapping
from .network import Network
from .values import Computer

MODEL = "model.onnx"
MANIFEST = "reference.json"
EXAMPLE = """\
example, in the folder that holds my_project/networks.py with a class UNet:

  PYTHONPATH=/path/to/tools/pytorch python3 -m diffeonn_tools reference \\
      --module my_project.networks:UNet --kwargs '{"classes": 2}' \\
      --checkpoint weights.pt --input image=1,3,64,64 --output unet-reference
  diffeonn validate unet-reference/model.onnx --reference unet-reference

writes unet-reference/model.onnx, reference.json and test_data_set_0/ with input_0.pb, output_0.pb, the gradients
output_grad.pb (upstream, random) and image_grad.pb, and intermediates/0.pb and so on, one for each module.
"""


def add_to(commands):
    """Adds the command to a command line."""
    command = commands.add_parser("reference",
                                  help="export your own model, with PyTorch's outputs, gradients and intermediate values of it",
                                  formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXAMPLE,
                                  description="Exports a PyTorch model to ONNX and writes what PyTorch makes of drawn inputs, "
                                  "for 'diffeonn validate'.")
    command.add_argument("--module", metavar="PACKAGE.MODULE:CALLABLE",
                         help="class or function that builds the model, searched in the current folder, too")
    command.add_argument("--kwargs", type=_object, default={}, metavar="JSON", help="its keyword arguments, as '{\"classes\": 2}'")
    command.add_argument("--checkpoint", type=Path, metavar="FILE",
                         help="weights: a state_dict, or a dictionary that holds one; .safetensors, too")
    command.add_argument("--checkpoint-key", metavar="KEY",
                         help="where in the checkpoint the weights are (found by itself under the usual names)")
    command.add_argument("--unsafe-pickle", action="store_true", help="read checkpoints that hold more than tensors; runs the code in them")
    command.add_argument("--input", dest="inputs", action="append", required=True, metavar="NAME=SPEC",
                         help="one for each input: NAME=1,3,64,64 draws normal numbers, image=1,3,64,64:0..1 uniform ones, "
                              "tokens=2,7:int64:0..99 whole ones with both ends; also NAME=FILE.npy. Names that forward's parameters have "
                              "are given to those, others go in order")
    command.add_argument("--output-names", nargs="+", metavar="NAME",
                         help="names of the outputs (default: keys of a dictionary, else output or output_0, ...)")
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")
    command.add_argument("--exporter", choices=exporting.EXPORTERS, default="auto",
                         help="which of PyTorch's exporters (default auto: this PyTorch's own first)")
    command.add_argument("--opset", type=int, help=f"operator set (default {exporting.OPSET}, of the dynamo exporter its own)")
    command.add_argument("--dynamic-batch", action=argparse.BooleanOptionalAction, default=True,
                         help="leave the batch size free where the model can (default yes)")
    command.add_argument("--gradients", action=argparse.BooleanOptionalAction, default=True, help="gradients by autograd (default yes)")
    command.add_argument("--intermediates", action=argparse.BooleanOptionalAction, default=True,
                         help="outputs of the modules (default yes)")
    command.add_argument("--max-intermediate-mb", type=float, default=256, metavar="MB", help="at most so much of them (default 256)")
    command.add_argument("--sets", type=int, default=1, metavar="N", help="sets of inputs (default 1)")
    command.add_argument("--seed", type=int, default=1, help="seed of inputs and upstream gradients (default 1)")
    command.add_argument("--precision", choices=("auto", "own"), default="auto",
                         help="auto: compute in float64 where the model runs in it (default); own: as the model is")
    command.set_defaults(run=lambda options: run(options))


def run(options):
    """Loads, exports, computes and writes; prints what is remarkable."""
    specs = [inputs.parse(text) for text in options.inputs]
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise Refused(f"inputs share a name: {', '.join(names)}.")
    if options.sets < 1:
        raise Refused(f"--sets is {options.sets}; expected at least 1.")
    torch.manual_seed(options.seed)
    module, notes = loading.load(options.module, options.kwargs, options.checkpoint, options.unsafe_pickle, options.checkpoint_key)
    manifest = write(module, specs, options.output, exporter=options.exporter, opset=options.opset, seed=options.seed, sets=options.sets,
                     dynamic_batch=options.dynamic_batch, gradients=options.gradients, intermediates=options.intermediates,
                     max_intermediate_mb=options.max_intermediate_mb, precision=options.precision,
                     output_names=options.output_names, notes=notes,
                     progress=lambda text: print(text, file=sys.stderr, flush=True))
    for note in manifest["notes"]:
        print(f"note: {note}")
    placed = sum(entry["value"] is not None for entry in manifest["modules"])
    print(f"{options.output}: {MODEL} (opset {manifest['opset']}, {manifest['exporter']}), {options.sets} "
          f"{'set' if options.sets == 1 else 'sets'} in {manifest['dtype']}, {len(manifest['modules'])} intermediates, {placed} "
          "of them found in the model")


def write(module, specs, folder, *, exporter="auto", opset=None, seed=1, sets=1, dynamic_batch=True, gradients=True, intermediates=True,
          max_intermediate_mb=256, precision="auto", output_names=None, notes=None, progress=lambda text: None):
    """The folder for a module in evaluation mode; returns what ``reference.json`` holds. ``progress`` is told what takes long."""
    notes = [] if notes is None else notes
    folder = Path(folder)
    _check_owner(folder)
    exporting.choose(exporter)
    network = Network(module, [spec.name for spec in specs], output_names)
    drawn = [[spec.draw(np.random.default_rng([seed, number, i])) for i, spec in enumerate(specs)] for number in range(sets)]
    computer = Computer(network, drawn[0], precision, notes)
    if network.ignored:
        notes.append(f"left out, because they are no tensors: {', '.join(network.ignored)}")
    free, examples = exporting.free_axes(network, drawn[0], computer.plain, notes) if dynamic_batch else ({}, drawn[0])
    request = exporting.Request(examples, network.inputs, network.outputs, free, opset, drawn[0])

    # What an earlier run has written stays until all of this one is there.
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=folder.name + ".") as temporary:
        path = Path(temporary) / MODEL
        progress(f"exporting {folder / MODEL}")
        used, request = exporting.export(network, request, path, exporter, notes)
        exporting.finish(path, {name: list(y.shape) for name, y in computer.plain.items()}, request.free)
        entries, left_out = {}, {}
        for number, values_in in enumerate(drawn):
            progress(f"computing set {number + 1} of {sets} in {str(computer.dtype)[6:]}")
            values = computer.compute(values_in, np.random.default_rng([seed, number, len(specs)]), gradients, intermediates)
            if number == 0:
                entries, left_out = _choose(values.intermediates, computer.types, max_intermediate_mb * 1e6 / sets)
            _write_set(path.parent / f"test_data_set_{number}", zip(network.inputs, values_in), values, entries)
        if left_out:
            notes.append(f"{len(left_out)} intermediates ({sum(left_out.values()) * sets / 1e6:.1f} MB) are over --max-intermediate-mb "
                         f"{max_intermediate_mb:g} and were left out: "
                         f"{', '.join(list(left_out)[:5])}{', ...' if len(left_out) > 5 else ''}")
        if entries:
            progress("exporting again to find the intermediates in the model (--no-intermediates leaves them out)")
            for key, value in mapping.find(network, request, path, used, list(entries), computer.types, notes).items():
                entries[key]["value"] = value
        manifest = _describe(path, used, seed, sets, computer, network, drawn[0], list(entries.values()), notes)
        (path.parent / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        _replace(folder, path.parent)
    return manifest


def _choose(intermediates, types, budget):
    """Entries of those that fit, in the order in which they are computed, and the sizes of those that do not."""
    entries, left_out = {}, {}
    for key, tensor in intermediates.items():
        size = tensor.numel() * tensor.element_size()
        if size > budget:
            left_out[key] = size
            continue
        budget -= size
        entries[key] = {"path": key, "type": types[key], "index": len(entries), "value": None}
    return entries, left_out


def _write_set(folder, given, values, entries):
    for i, (name, tensor) in enumerate(given):
        tensors.save(folder / f"input_{i}.pb", name, tensor)
    for i, (name, tensor) in enumerate(values.outputs.items()):
        tensors.save(folder / f"output_{i}.pb", name, tensor)
    for name, tensor in [*values.upstream.items(), *values.gradients.items()]:
        tensors.save(folder / tensors.file_name(name + "_grad"), name + "_grad", tensor)
    for key, tensor in values.intermediates.items():
        if key in entries:
            tensors.save(folder / "intermediates" / f"{entries[key]['index']}.pb", key, tensor)


def _describe(path, exporter, seed, sets, computer, network, example, modules, notes):
    model = onnx.load(str(path), load_external_data=False)
    return {
        "schema": 1,
        "model": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        **({"externalData": files} if (files := exporting.external_files(path)) else {}),
        "exporter": exporter,
        "opset": next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
        "framework": {"torch": torch.__version__, "onnx": onnx.__version__, "python": platform.python_version()},
        "seed": seed,
        "sets": sets,
        "dtype": str(computer.dtype)[6:],
        "inputs": [{"name": name, "dtype": str(x.dtype)[6:], "shape": list(x.shape)} for name, x in zip(network.inputs, example)],
        "outputs": [{"name": name, "dtype": str(y.dtype)[6:], "shape": list(y.shape)} for name, y in computer.plain.items()],
        "modules": modules,
        "notes": notes,
    }


def _check_owner(folder):
    """Refuses a folder whose model or sets this command has not written, so that it overwrites nobody's."""
    if folder.exists() and not folder.is_dir():
        raise Refused(f"--output '{folder}' is a file; expected a folder.")
    found = [name for name in (MODEL, *(path.name for path in folder.glob("test_data_set_*"))) if (folder / name).exists()]
    if found and not (folder / MANIFEST).exists():
        raise Refused(f"--output '{folder}' holds '{found[0]}' but no {MANIFEST}, so another tool has made it; name another folder.")


def _replace(folder, written):
    """Moves what was written to its place, after what an earlier run has written is removed."""
    for pattern in ("test_data_set_*/*.pb", "test_data_set_*/intermediates/*.pb", MODEL, MODEL + ".data", MANIFEST):
        for file in folder.glob(pattern):
            file.unlink()
    for pattern in ("test_data_set_*/intermediates", "test_data_set_*"):
        for empty in folder.glob(pattern):
            if not any(empty.iterdir()):
                empty.rmdir()
    for file in sorted(file for file in written.rglob("*") if file.is_file()):
        target = folder / file.relative_to(written)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _object(text):
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"'{text}' is no JSON object; expected one as '{{\"classes\": 2}}'")
    return value
