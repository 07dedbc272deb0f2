"""Runs `diffeonn evaluate`, and keeps what finished."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import plan as plans

NOT_FINITE = 9  # the exit code after which results are there all the same
FOR_PEOPLE = ("description", "licence", "references", "provenance")  # parts of a manifest that change no result
RECORD = "run.json"


@dataclass(frozen=True)
class Finished:
    """A run whose results lie in a folder."""

    folder: Path
    record: dict


def bundle_digest(folder):
    """SHA-256 of the parts of a bundle that results depend on."""
    manifest = json.loads((folder / "diffeonn.json").read_text(encoding="utf-8"))
    settings = json.dumps({name: part for name, part in manifest.items() if name not in FOR_PEOPLE}, sort_keys=True)
    digest = hashlib.sha256(settings.encode())
    for path in sorted(folder.glob("*.onnx")):
        digest.update(f"\n{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


def data_digest(data):
    """SHA-256 of a folder's files and names; of generated data its name."""
    digest = hashlib.sha256()
    if data == plans.GENERATED:
        digest.update(data.encode())
    else:
        for path in sorted(path for path in Path(data).rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(data).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def write_variant(bundle, variant, folder):
    """Writes a bundle whose manifest says something else: {"models": {"inner": "augmented"}} puts another role's network in a role's place,
    all else replaces values, and null removes them. References are left out: they are of what the bundle was."""
    manifest = json.loads((bundle / "diffeonn.json").read_text(encoding="utf-8"))
    manifest.pop("references", None)
    changes = json.loads(variant)
    roles = dict(manifest["models"])
    for role, other in changes.pop("models", {}).items():
        manifest["models"][role] = roles[other]
    _merge(manifest, changes)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in bundle.glob("*.onnx"):
        shutil.copyfile(path, folder / path.name)
    (folder / "diffeonn.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _merge(target, changes):
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        elif value is None:
            target.pop(name, None)
        else:
            target[name] = value


class Runner:
    """Runs of one program; a folder a run, named after all that its results depend on."""

    def __init__(self, program, version, cache, models, data, log, any_version=False, commit=None):
        """data: folder, or the name of generated data, by the plan's names. any_version: finished runs of another program count, too."""
        self._program, self._version, self._cache, self._models, self._data = program, version, cache, models, data
        self._log, self._any_version, self._commit, self._digests = log, any_version, commit, {}
        self._variants = set()

    def identity(self, run):
        """All that the results of a run depend on, but for the machine."""
        return {
            "bundle": run.bundle,
            "bundleDigest": self._digest(bundle_digest, self._bundle(run)),
            "dataDigest": self._digest(data_digest, self._data[run.data]),
            "arguments": run.arguments(),
            "program": self._version,
        }

    def find(self, run):
        """The finished run with the same identity; None if there is none."""
        identity = self.identity(run)
        found = self._read(self._folder(run, identity))
        if found is not None or not self._any_version:
            return found
        del identity["program"]
        others = [self._read(folder) for folder in self._cache.glob(f"{self._name(run)}-*")]
        fitting = [other for other in others if other and all(other.record[name] == part for name, part in identity.items())]
        return max(fitting, key=lambda other: other.record["started"], default=None)

    def run(self, run):
        """Runs, unless that was done; raises RuntimeError with the program's own line if it fails."""
        done = self.find(run)
        if done is not None:
            self._log(f"kept: {self._name(run)}")
            return done
        identity = self.identity(run)
        folder = self._folder(run, identity)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        command = [str(self._program), "evaluate", "--model", str(self._bundle(run)), "--data", str(self._data[run.data]),
                   *run.arguments()]
        self._log(f"running: {self._name(run)}: {' '.join(command)}")
        record = {**identity, "started": time.strftime("%Y-%m-%d %H:%M:%S"), "commit": self._commit, "loadBefore": _load()}
        start = time.monotonic()
        with open(partial / "log.txt", "w", encoding="utf-8") as output:
            code = subprocess.run([*command, "--output", str(partial)], stdout=output, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL).returncode
        if code not in (0, NOT_FINITE):
            lines = (partial / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"]
            line = lines[-1].replace(str(self._models), "models").replace(str(self._data[run.data]), run.data).replace(str(partial), "OUT")
            raise RuntimeError(f"{self._name(run)}: exit code {code}: {line}")
        record.update(exitCode=code, seconds=time.monotonic() - start, loadAfter=_load())
        (partial / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        self._log(f"finished: {self._name(run)} in {record['seconds']:.0f} s")
        return Finished(folder, record)

    def _bundle(self, run):
        """The bundle's folder; of a variant one that is written here, named after what it says."""
        bundle = self._models / run.bundle
        if not run.variant:
            return bundle
        digest = hashlib.sha256(f"{self._digest(bundle_digest, bundle)} {run.variant}".encode()).hexdigest()
        folder = self._cache / "bundles" / f"{run.bundle}-{digest[:12]}"
        if folder not in self._variants:
            write_variant(bundle, run.variant, folder)
            self._variants.add(folder)
        return folder

    @staticmethod
    def _name(run):
        return f"{run.bundle}-{run.series}-{run.deform}-{run.seed}"

    def _folder(self, run, identity):
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return self._cache / f"{self._name(run)}-{digest[:12]}"

    @staticmethod
    def _read(folder):
        if not (folder / RECORD).exists() or folder.name.endswith(".partial"):
            return None
        return Finished(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")))

    def _digest(self, function, subject):
        if subject not in self._digests:
            self._digests[subject] = function(subject)
        return self._digests[subject]


def _load():
    """Mean number of busy processes over the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
