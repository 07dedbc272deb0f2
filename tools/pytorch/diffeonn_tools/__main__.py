"""Command line: ``python3 -m diffeonn_tools COMMAND``.

Commands import what they need themselves: ``reference`` works without the packages that training draws and reads images with.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from . import get
from .model_reference import command as model_reference

ROLES = ("inner", "vae", "critic", "features", "proposer", "augmented")
OPTIONAL = ("features", "proposer", "augmented")
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def main(arguments=None):
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        options.run(options)
    except (ValueError, OSError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="diffeonn_tools",
                                     description="Trains and exports bundles for DiffeoNN.Onnx, and writes references for your own models.")
    parser.add_argument("--threads", type=int, help="threads for PyTorch (its own default otherwise)")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("train", help="train what has no checkpoint yet, then write the bundle")
    _common(command)
    command.add_argument("--output", type=Path, required=True, help="the bundle's folder")
    command.add_argument("--roles", nargs="+", choices=ROLES, help="train these only and write no bundle")
    command.add_argument("--skip", nargs="+", choices=OPTIONAL, default=[], help="leave these roles out, also of the bundle")
    command.set_defaults(run=_train)

    command = commands.add_parser("bundle-gradients", help="write the gradients beside a bundle's reference tensors, from its checkpoints")
    command.add_argument("--task", required=True, help="lungs, shapes or genus: names the configuration")
    command.add_argument("--config", type=Path, help="configuration file (default configs/TASK.json)")
    command.add_argument("--checkpoints", type=Path, help="folder of trained weights (default runs/TASK)")
    command.add_argument("--output", type=Path, required=True, help="the bundle's folder")
    command.set_defaults(run=_bundle_gradients)

    command = commands.add_parser("get", help="fetch public data from its original source, or take it from a folder; checked by SHA-256")
    command.add_argument("name", choices=("lungs", "mnist"))
    command.add_argument("--output", type=Path, required=True, help="where to")
    command.add_argument("--from", dest="source", type=Path, help="take the files from this folder instead of downloading them")
    command.add_argument("--unverified", action="store_true", help="take files whose SHA-256 is not the expected one, too")
    command.set_defaults(run=lambda options: get.get(options.name, options.output, options.source, options.unverified))

    command = commands.add_parser("export-small", help="export a small untrained bundle with references, in seconds")
    command.add_argument("--output", type=Path, required=True, help="the bundle's folder")
    command.set_defaults(run=_export_small)

    model_reference.add_to(commands)
    return parser


def _common(command):
    command.add_argument("--task", required=True, help="lungs, shapes or genus: names the configuration")
    command.add_argument("--data", type=Path, required=True,
                         help="folder with images/, masks/ and perhaps split.csv; of genus: MNIST's IDX files")
    command.add_argument("--config", type=Path, help="configuration file (default configs/TASK.json)")
    command.add_argument("--checkpoints", type=Path, help="folder of trained weights (default runs/TASK)")


def _setup(options):
    path = options.config or CONFIGS / f"{options.task}.json"
    config = json.loads(path.read_text())
    checkpoints = options.checkpoints or Path("runs") / options.task
    return config, checkpoints


def _train(options):
    from . import data, manifest, train

    config, checkpoints = _setup(options)
    checkpoints.mkdir(parents=True, exist_ok=True)
    splits = [data.load(options.data, split, config) for split in ("train", "val")]
    for role in options.roles or _roles(config, options.skip):
        stages = [] if (checkpoints / f"{role}.pt").exists() else train.stages(role, config)
        state = None
        for number, stage in enumerate(stages, 1):
            state = _train_stage(role, stage, splits, checkpoints, role if number == len(stages) else f"{role}-stage{number}", state)
    if not options.roles:
        manifest.write_bundle(options.output, config, _load(config, checkpoints, options.skip))
        print(f"bundle written to {options.output}")


def _train_stage(role, config, splits, checkpoints, name, initial):
    """The state after a stage, taken from ``NAME.pt`` where the stage has been trained."""
    from . import curves, train

    path = checkpoints / f"{name}.pt"
    if path.exists():
        return torch.load(path, map_location="cpu")
    history = curves.History(checkpoints / f"{name}.history.json")
    partial = checkpoints / f"{name}.partial.pt"
    examples = (part[: config[role].get("examples")] for part in splits[0])
    network = train.train(role, config, *examples, *splits[1], _trained(config, checkpoints), log=lambda text: print(text, flush=True),
                          record=history.add, partial=partial, initial=initial)
    torch.save(network.state_dict(), path)
    partial.unlink(missing_ok=True)
    if history.rows:
        history.draw(checkpoints / f"{name}.curves.png", f"{config['name']}: {name}")
    return network.state_dict()


def _roles(config, skip=()):
    """The roles that a configuration describes."""
    return [role for role in ROLES if role in config and role not in skip]


def _trained(config, checkpoints):
    """The networks that have a checkpoint."""
    return _load(config, checkpoints, [role for role in _roles(config) if not (checkpoints / f"{role}.pt").exists()])


def _load(config, checkpoints, skip=()):
    from . import train

    networks = {}
    for role in _roles(config, skip):
        if role in OPTIONAL and not (checkpoints / f"{role}.pt").exists():
            continue
        networks[role] = train.build(role, config)
        networks[role].load_state_dict(torch.load(checkpoints / f"{role}.pt", map_location="cpu"))
        networks[role].eval()
    return networks


def _bundle_gradients(options):
    from . import manifest

    config, checkpoints = _setup(options)
    roles = manifest.add_gradients(options.output, config, _load(config, checkpoints))
    print(f"gradients of {', '.join(roles)} written to {options.output / 'reference'}")


def _export_small(options):
    from . import manifest, train

    config = json.loads((CONFIGS / "small.json").read_text())
    torch.manual_seed(config["seed"])
    networks = {role: train.build(role, config) for role in _roles(config)}
    torch.nn.init.normal_(networks["proposer"].dense.weight, std=0.02)
    for network in networks.values():
        # A few batches of noise give the batch normalisations statistics other than the identity.
        network.train()
        for _ in range(3):
            network(torch.rand(8, 1, config["size"], config["size"]))
        network.eval()
    manifest.write_bundle(options.output, config, networks)
    print(f"bundle written to {options.output}")


if __name__ == "__main__":
    sys.exit(main())
