#!/usr/bin/env python3
"""Asks diffeonn-server as clients of other projects do, over HTTP and gRPC, and checks every answer; see README.md beside the folder.

    check.py                             the server that was built here
    check.py --server PROGRAM            another: diffeonn-server, or its .dll
    check.py --bundle DIR                a bundle of images (models/shapes)

What lacks its Python package is skipped, and says so. The exit code is 0 where nothing failed.
"""
import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import material

ROOT = pathlib.Path(__file__).resolve().parents[3]
SPACED = "name with spaces, größer & +50%"


class Checks:
    """What was found."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def that(self, name, is_right, found=""):
        """A check; only what fails is printed."""
        if is_right:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {name}: {found!r}"[:600], flush=True)

    def equal(self, name, found, expected):
        """A check that two things are equal."""
        self.that(name, found == expected, f"{found!r}; expected {expected!r}")

    def skip(self, name):
        """What cannot be tried here."""
        self.skipped += 1
        print(f"skip {name}", flush=True)

    def group(self, name, run, *arguments):
        """Some checks, and that they come to their end."""
        before, start = (self.passed, self.failed), time.monotonic()
        try:
            run(self, *arguments)
        except Exception:  # pylint: disable=broad-except
            self.that(f"{name}: comes to its end", False, traceback.format_exc())
        good = self.failed == before[1]
        print(f"{'ok  ' if good else 'FAIL'} {name}: {self.passed - before[0]} checks, {time.monotonic() - start:.1f} s", flush=True)


class Server:
    """The program, on ports of the loopback that are free."""

    def __init__(self, program, models, *options):
        command = ["dotnet", program] if program.endswith(".dll") else [program]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DIFFEONN_SERVE_")}
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*command, "--models", str(models), "--http", "0", "--grpc", "0", "--metrics", "0", "--device", "cpu", "--drain", "1",
             *options], stdout=subprocess.PIPE, text=True, env=environment)
        self.http = self.rpc = None
        for line in self.process.stdout:
            found = re.search(r"Listening: HTTP http://(\S+?)/?, gRPC http://(\S+?)/?, metrics", line)
            if found:
                self.http, self.rpc = found.groups()
                break
        if self.http is None:
            sys.exit(f"The server ended with {self.process.wait()} before it listened.")
        # Its log is not to fill the pipe.
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)  # pylint: disable=R1732

    def end(self):
        """Tells it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def kill(self):
        """Whatever happened, it does not stay."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.wait()


def repository(folder, bundle):
    """A folder of models: the bundle, and an ONNX file for each type of the protocol."""
    shutil.copytree(bundle, folder / "images")
    for kind in material.TYPES:
        (folder / f"identity-{kind}.onnx").write_bytes(material.identity(kind))
    (folder / f"{SPACED}.onnx").write_bytes(material.identity("FP32"))
    for version in ("1", "3"):
        (folder / "versions" / version).mkdir(parents=True)
        (folder / "versions" / version / "model.onnx").write_bytes(material.identity("INT32"))
    (folder / "broken.onnx").write_bytes(b"no ONNX file")


def program_here():
    """The server that was built last in this checkout."""
    built = sorted(ROOT.glob("src/DiffeoNN.Onnx.Server/bin/Release/*/**/diffeonn-server.dll"), key=lambda path: path.stat().st_mtime)
    if not built:
        sys.exit("There is no server; build src/DiffeoNN.Onnx.Server with -c Release, or name one with --server.")
    return str(built[-1])


def main():
    """Starts servers, asks them, counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--server")
    parser.add_argument("--bundle", type=pathlib.Path, default=ROOT / "models/shapes")
    asked = parser.parse_args()
    has_schemas, has_grpc = (importlib.util.find_spec(name) is not None for name in ("jsonschema", "grpc"))
    has_grpc = has_grpc and importlib.util.find_spec("google.protobuf") is not None
    checks = Checks()
    if not has_schemas:
        checks.skip("HTTP: needs the Python package jsonschema (Debian: python3-jsonschema)")
    if not has_grpc:
        checks.skip("gRPC: needs the Python packages grpc and protobuf (Debian: python3-grpcio, python3-protobuf)")
    if has_schemas or has_grpc:
        with tempfile.TemporaryDirectory() as work:
            models = pathlib.Path(work) / "models"
            models.mkdir()
            repository(models, asked.bundle)
            program = asked.server or program_here()
            if has_schemas:
                import rest  # pylint: disable=import-outside-toplevel
                for admin in (False, True):
                    with_server(program, models, admin, rest.run, checks)
            if has_grpc:
                import rpc  # pylint: disable=import-outside-toplevel
                checks.group("gRPC: numbers of the server's own files", rpc.files, ROOT / "src/DiffeoNN.Onnx.Serving/Rpc")
                for admin in (False, True):
                    with_server(program, models, admin, rpc.run, checks)
    print(f"{checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
    return 0 if checks.failed == 0 else 1


def with_server(program, models, admin, run, checks):
    """Runs checks beside a server, which ends with 0 after them."""
    server = Server(program, models, *(["--admin"] if admin else []), "--max-pixels", "4000000")
    try:
        run(checks, server, admin)
        checks.equal("the server ends in order", server.end(), 0)
    finally:
        server.kill()


if __name__ == "__main__":
    sys.exit(main())
