"""Stand-ins for CUDA's libraries beside PyTorch's own: `stubs.py SITE_PACKAGES`.

Some package indexes have PyTorch's CUDA build alone. It cannot be imported without CUDA's libraries, which are 2 GB, although nothing that
runs on the processor calls them. A stand-in exports every name that PyTorch's libraries ask for, under the version by which they ask; each
function returns an error. Needs `readelf` and `cc`."""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

CUDA = re.compile(r"lib(cu|nv|nccl)")
# Names without a version that belong to CUDA.
NAMES = re.compile(r"_*(cu[a-zA-Z]|cuda|nccl|pnccl|nv)")


def readelf(library, *flags):
    return subprocess.run(["readelf", "-W", *flags, library], check=True, capture_output=True, text=True).stdout


def asked_for(folder):
    """For each library of CUDA that those in `folder` need, the names by version; None: names without one, of any library."""
    libraries = defaultdict(lambda: defaultdict(dict))
    for library in sorted(folder.glob("*.so")):
        for name in re.findall(r"\(NEEDED\).*\[(.+)\]", readelf(library, "-d")):
            if CUDA.match(name):
                libraries[name]
        owner, file = {}, None
        for line in readelf(library, "-V").splitlines():
            if found := re.search(r"File: (\S+)", line):
                file = found[1]
            elif (found := re.search(r"Name: (\S+)", line)) and file and CUDA.match(file):
                owner[found[1]] = file
        for line in readelf(library, "--dyn-syms").splitlines():
            columns = line.split()
            if len(columns) < 8 or columns[6] != "UND":
                continue
            name, _, version = columns[7].partition("@")
            version = version.lstrip("@")
            if version in owner:
                libraries[owner[version]][version][name] = columns[3]
            elif not version and NAMES.match(name):
                libraries[None][None][name] = columns[3]
    return libraries


def build(target, versions, loose):
    """Compiles one stand-in."""
    declare = lambda name, kind: f"char {name}[4096];" if kind == "OBJECT" else f"long {name}(void) {{ return 999; }}"
    source = [declare(name, kind) for names in versions.values() for name, kind in names.items()]
    source += [f"__attribute__((weak)) {declare(name, kind)}" for name, kind in loose.items()]
    script = [f"{version} {{ global: {' '.join(name + ';' for name in names)} }};" for version, names in versions.items()]
    with tempfile.TemporaryDirectory() as folder:
        code, exports = Path(folder, "stub.c"), Path(folder, "exports.map")
        code.write_text("\n".join(source) + "\n")
        exports.write_text("\n".join(script) + "\n")
        command = ["cc", "-w", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", target, code, f"-Wl,-soname,{target.name}"]
        subprocess.run(command + ([f"-Wl,--version-script={exports}"] if script else []), check=True)


def main():
    # PyTorch's libraries look beside themselves too.
    folder = Path(sys.argv[1]) / "torch" / "lib"
    libraries = asked_for(folder)
    loose = libraries.pop(None, {}).get(None, {})
    versioned = {name for versions in libraries.values() for names in versions.values() for name in names}
    loose = {name: kind for name, kind in loose.items() if name not in versioned}
    for name, versions in libraries.items():
        if not (folder / name).exists():
            build(folder / name, versions, loose)
            loose = {}


if __name__ == "__main__":
    main()
