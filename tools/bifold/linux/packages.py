# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernel, which is not installed but unpacked under .cache/linux: it is downloaded once, the
first time that somebody compares."""

import re
import shutil
import tempfile
from pathlib import Path

from bifold.linux import Unusable, command

# Debian's name of the kernel of today; that for clouds has no drivers of NVDIMMs.
NEWEST = "linux-image-amd64"

# Of the package that NEWEST depends on, and of the folder with what it has.
_NAME = re.compile(r"linux-image-[0-9][a-z0-9.+~-]*-amd64")

DOWNLOAD_BOUND = 300
UNPACK_BOUND = 120

_ADVICE = ("the kernel comes from Debian, once: try again with its packages in reach (apt-get update "
           "tells), or name a package that is here by --kernel-package FILE.deb")


def kernel(cache, package=None):
    """The folder of an unpacked kernel package, with boot/ and lib/: of the file `package`, or the one
    that was downloaded before, or the one that Debian has today."""
    if package:
        return _unpack(Path(package), cache)
    there = [path for path in cache.glob("linux-image-*") if _NAME.fullmatch(path.name)]
    return max(there, key=_numbers) if there else _download(cache)


def _numbers(path):
    return [int(number) for number in re.findall("[0-9]+", path.name)]


def _download(cache):
    found = _NAME.search(command.output(["apt-cache", "depends", NEWEST], DOWNLOAD_BOUND, _ADVICE))
    if not found:
        raise Unusable(f"apt-cache depends {NEWEST}: names no kernel; {_ADVICE}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command.output(["apt-get", "download", found[0]], DOWNLOAD_BOUND, _ADVICE, cwd=folder)
        files = list(Path(folder).glob("*.deb"))
        if len(files) != 1:
            raise Unusable(f"apt-get download {found[0]}: left {len(files)} packages; {_ADVICE}")
        return _unpack(files[0], cache)


def _unpack(package, cache):
    """Unpacks elsewhere first: a folder of the package's name is a whole one."""
    if not package.is_file():
        raise Unusable(f"{package}: no such file; {_ADVICE}")
    name = command.output(["dpkg-deb", "--field", package, "Package"], UNPACK_BOUND, _ADVICE).strip()
    if not _NAME.fullmatch(name):
        raise Unusable(f"{package}: expected a package linux-image-VERSION-amd64, found {name!r}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        content = Path(folder, "content")
        command.output(["dpkg-deb", "--extract", package, content], UNPACK_BOUND, _ADVICE)
        shutil.rmtree(cache / name, ignore_errors=True)
        content.rename(cache / name)
    return cache / name
