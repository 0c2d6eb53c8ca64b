# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The program in an optional backend's process: ``python serve.py MDEPLOY_FOLDER NAME``.

It runs in whatever Python has the runtime. The toolkit's own folder stands in as the package mdeploy without its
neighbours: putting site-packages on the path would mix two environments.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import platform
import sys
import time
from pathlib import Path
from typing import Any


def _adopt(folder: str) -> None:
    spec = importlib.machinery.ModuleSpec("mdeploy", None, is_package=True)
    spec.submodule_search_locations = [folder]
    sys.modules["mdeploy"] = importlib.util.module_from_spec(spec)


class Server:
    """Answers requests. Each method takes (header, arrays) and returns (header, list of (name, array))."""

    def __init__(self, info: Any, module: Any) -> None:
        self.info = info
        self.module = module
        self.run: Any = None

    def hello(self, _header: Any, _arrays: Any) -> Any:
        """Versions of what is in here."""
        versions = {"python": platform.python_version()}
        for name in self.info.packages:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {"versions": versions}, []

    def make(self, header: Any, _arrays: Any) -> Any:
        """Write the runtime's files."""
        from mdeploy.backends.optional.module import NetSpec

        self.module.make(Path(header["model"]), Path(header["folder"]), NetSpec.from_json(header["spec"]))
        return {}, []

    def load(self, header: Any, _arrays: Any) -> Any:
        """Load the files."""
        from mdeploy.backends.optional.module import NetSpec

        spec = NetSpec.from_json(header["spec"])
        start = time.perf_counter()
        self.run = self.module.load(Path(header["folder"]), spec, header["threads"])
        return {"seconds": time.perf_counter() - start}, []

    def predict(self, header: Any, arrays: Any) -> Any:
        """Run once, or some times in a row."""
        inputs = [arrays[str(i)] for i in range(len(arrays))]
        seconds = []
        for _ in range(header["count"]):
            start = time.perf_counter()
            outputs = self.run(inputs)
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}, [(str(i), array) for i, array in enumerate(outputs)]


def main() -> None:
    folder, name = sys.argv[1:]
    sys.path.pop(0)  # this file's folder
    _adopt(folder)
    child = importlib.import_module("mdeploy.backends.child.serve")
    requests, replies = child.claim_pipes()
    info = importlib.import_module("mdeploy.backends.table").info_of(name)
    module = importlib.import_module("mdeploy.backends.optional.module").module_of(name)
    child.serve(Server(info, module), requests, replies)


if __name__ == "__main__":
    main()
