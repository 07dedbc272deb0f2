#!/usr/bin/env python3
"""Writes what the libraries make public into their PublicAPI.Unshipped.txt, as the compiler's analyzer spells it.

    python3 tools/public-api/update.py                          after a change of the public API
    python3 tools/public-api/update.py DiffeoNN.Onnx.Hosting    of these libraries alone; those they refer to are built as they stand
    python3 tools/public-api/update.py --ship                   for a release: everything moves to PublicAPI.Shipped.txt
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = "#nullable enable"
REMOVED = "*REMOVED*"
NEW, GONE = "RS0016", "RS0017"


def read(path):
    """The entries of a file, without its header."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and line != HEADER]


def write(path, entries):
    """Writes a file of entries, each once, sorted."""
    path.write_text("\n".join([HEADER, *sorted(set(entries))]) + "\n", encoding="utf-8")


def compile_with_logs(project, logs):
    """Compiles a library and those it refers to, each with a log of what the analyzers say, all of it as warnings.

    What was emptied is newer than what was built, so it is compiled; what is up to date is not compiled once more for each that needs it.
    """
    command = ["dotnet", "build", str(project), "-c", "Release", "-nologo", "-v", "q",
               "-p:TreatWarningsAsErrors=false", f"-p:AnalyzerLogs={logs}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{project.name} does not compile:\n{ended.stdout}{ended.stderr}")


def entries(log, rule):
    """The entries that a rule's diagnostics are about."""
    for run in json.loads(log.read_text(encoding="utf-8-sig"))["runs"]:
        for result in run.get("results", []):
            if result["ruleId"] == rule:
                properties = result.get("properties", {}).get("customProperties", {})
                yield properties.get("APIName") or re.match("Symbol '(.+)' is ", result["message"]["text"]).group(1)


def main():
    """Empties the unshipped part of every library, and fills it with what the compiler then misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ship", action="store_true", help="move everything to PublicAPI.Shipped.txt")
    parser.add_argument("library", nargs="*", help="a folder of src; all that have a list if none is given")
    given = parser.parse_args()
    ship = given.ship
    folders = sorted((path.parent for path in (ROOT / "src").glob("*/PublicAPI.Shipped.txt")), reverse=True)
    names = {pathlib.Path(name).name for name in given.library}
    if unknown := names - {folder.name for folder in folders}:
        sys.exit(f"No library {', '.join(sorted(unknown))}; there are {', '.join(sorted(folder.name for folder in folders))}.")
    folders = [folder for folder in folders if not names or folder.name in names]
    before = {folder: read(folder / "PublicAPI.Unshipped.txt") for folder in folders}
    with tempfile.TemporaryDirectory() as temporary:
        try:
            for folder in folders:
                write(folder / "PublicAPI.Unshipped.txt", [])
            logs = {folder: pathlib.Path(temporary) / f"{folder.name}.json" for folder in folders}
            for folder in folders:
                if not logs[folder].exists():
                    compile_with_logs(folder / f"{folder.name}.csproj", temporary)
            found = {folder: (set(entries(logs[folder], NEW)), set(entries(logs[folder], GONE))) for folder in folders}
        except BaseException:
            for folder in folders:
                write(folder / "PublicAPI.Unshipped.txt", before[folder])
            raise

    for folder, (new, gone) in found.items():
        shipped = read(folder / "PublicAPI.Shipped.txt")
        if ship:
            write(folder / "PublicAPI.Shipped.txt", [*(set(shipped) - gone), *new])
        else:
            write(folder / "PublicAPI.Unshipped.txt", [*new, *(REMOVED + entry for entry in gone)])
        print(f"{folder.name}: {len(shipped)} shipped before, {len(new)} new, {len(gone)} gone")


if __name__ == "__main__":
    main()
