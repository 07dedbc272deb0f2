"""The program under test: its version and its build."""

import hashlib
import os
import subprocess

SOURCES = ("*.cs", "*.csproj", "*.proto")
SETTINGS = ("Directory.Build.props", "Directory.Packages.props", "global.json")
PROJECT = "src/DiffeoNN.Onnx.Cli"


def version(root):
    """SHA-256 of what the program is built from; documents do not count."""
    files = [path for pattern in SOURCES
             for path in (root / "src").rglob(pattern) if not {"bin", "obj"} & set(path.relative_to(root).parts)]
    files += [root / name for name in SETTINGS]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def build(root, cache, log):
    """Path of the program of the sources as they are; built if it is not in the cache."""
    folder = cache / f"program-{version(root)[:12]}"
    name = "diffeonn.exe" if os.name == "nt" else "diffeonn"
    if not (folder / "built").exists():
        log("building the program")
        environment = {**os.environ, "DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1"}
        done = subprocess.run(
            ["dotnet", "publish", "-c", "Release", str(root / PROJECT), "-o", str(folder)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=root)
        if done.returncode != 0:
            raise RuntimeError(f"'dotnet publish' ended with {done.returncode}:\n{done.stdout}")
        (folder / "built").write_text("")
    return folder / name


def commit(root):
    """The commit that is checked out, short, with a plus if the sources differ from it; None outside a repository."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "src"], cwd=root, capture_output=True, text=True,
                                 check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")
