"""Fetches public data from its original source, or takes it from a folder, and checks it by SHA-256."""

import csv
import hashlib
import shutil
import urllib.request
from pathlib import Path

# LeCun, Cortes and Burges, CC BY-SA 3.0. The original page and two public copies of the same files, tried in this order.
MNIST_SOURCES = ("http://yann.lecun.com/exdb/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/",
                 "https://storage.googleapis.com/cvdf-datasets/mnist/")
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
LUNGS_SPLIT = "c61a50ef7524b985d821f1a0062ff87f4a3e0de052b958e113e064fa997da199"
LUNGS_SOURCES = ("images: https://data.mendeley.com/datasets/rscbjbr9sj/2 (class NORMAL; CC BY 4.0), "
                 "masks: https://github.com/v7labs/covid-19-xray-dataset (CC BY 4.0)")


def get(name, output, source=None, unverified=False, log=print, open_url=urllib.request.urlopen):
    """Puts ``mnist`` or ``lungs`` into the folder ``output``, from the folder ``source`` if one is given.

    A file whose SHA-256 is not the expected one is refused; ``unverified`` lets it pass, with a line that says so.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if name == "mnist":
        for file, expected in MNIST_FILES.items():
            _mnist(file, expected, output, source, unverified, log, open_url)
    elif source is None:
        raise ValueError("the lungs' sources name images and masks differently, and no table of pairs is published with these "
                         f"tools: pair them as images/NAME.png, masks/NAME.png and split.csv, and give --from DIR. {LUNGS_SOURCES}.")
    else:
        _lungs(Path(source), output, unverified, log)


def _mnist(file, expected, output, source, unverified, log, open_url):
    target = output / file
    if target.exists() and _sha256(target.read_bytes()) == expected:
        log(f"{file}: there already")
        return
    if source is not None:
        path = Path(source) / file
        if not path.exists():
            raise FileNotFoundError(f"'{path}' is missing.")
        _write(target, path.read_bytes(), expected, unverified, log)
        return
    failures = []
    for address in MNIST_SOURCES:
        try:
            with open_url(address + file, timeout=60) as stream:
                _write(target, stream.read(), expected, unverified, log)
            return
        except (OSError, ValueError) as error:
            failures.append(f"{address}{file}: {error}")
    raise OSError("no source answered with the expected file: " + "; ".join(failures))


def _lungs(source, output, unverified, log):
    table = source / "split.csv"
    if not table.exists():
        raise FileNotFoundError(f"'{table}' is missing.")
    with open(table, newline="") as stream:
        names = [Path(row["name"]).stem for row in csv.DictReader(stream)]
    missing = [path for name in names for path in (source / "images" / f"{name}.png", source / "masks" / f"{name}.png")
               if not path.exists()]
    if missing:
        raise FileNotFoundError(f"'{missing[0]}' is missing, and {len(missing) - 1} more that '{table}' names.")
    for kind in ("images", "masks"):
        (output / kind).mkdir(exist_ok=True)
        for name in names:
            shutil.copyfile(source / kind / f"{name}.png", output / kind / f"{name}.png")
    _write(output / "split.csv", table.read_bytes(), LUNGS_SPLIT, unverified, log)
    log(f"{len(names)} images with masks")


def _write(target, content, expected, unverified, log):
    found = _sha256(content)
    if found != expected and not unverified:
        raise ValueError(f"{target.name} has SHA-256 {found}; expected {expected}. --unverified takes it all the same.")
    temporary = target.with_name(target.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(target)
    log(f"{target.name}: {len(content)} bytes, SHA-256 " + ("as expected" if found == expected else f"{found}, NOT as expected"))


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
