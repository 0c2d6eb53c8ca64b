# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The program in an extra's process: ``python serve.py MDEPLOY_FOLDER NAME``.

It runs in whatever Python has the extra. The toolkit's own folder stands in as the package mdeploy without its
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

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.run: Any = None

    def hello(self, _header: Any, _arrays: Any) -> Any:
        """Versions of what is in here."""
        versions = {"python": platform.python_version()}
        for name in self.engine.packages:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {"versions": versions}, []

    def make(self, header: Any, _arrays: Any) -> Any:
        """Write the runtime's files."""
        from mdeploy.backends.optional.engine import NetSpec

        self.engine.maker(Path(header["model"]), Path(header["folder"]), NetSpec.from_json(header["spec"]))
        return {}, []

    def load(self, header: Any, _arrays: Any) -> Any:
        """Load the files."""
        from mdeploy.backends.optional.engine import NetSpec

        spec = NetSpec.from_json(header["spec"])
        start = time.perf_counter()
        self.run = self.engine.loader(Path(header["folder"]), spec, header["threads"])
        return {"seconds": time.perf_counter() - start}, []

    def predict(self, _header: Any, arrays: Any) -> Any:
        """Run once."""
        inputs = [arrays[str(i)] for i in range(len(arrays))]
        start = time.perf_counter()
        outputs = self.run(inputs)
        seconds = time.perf_counter() - start
        return {"seconds": seconds}, [(str(i), array) for i, array in enumerate(outputs)]


def main() -> None:
    folder, name = sys.argv[1:]
    sys.path.pop(0)  # this file's folder
    _adopt(folder)
    child = importlib.import_module("mdeploy.backends.child.serve")
    requests, replies = child.claim_pipes()
    engine = importlib.import_module("mdeploy.backends.optional.engine").engine_of(name)
    child.serve(Server(engine), requests, replies)


if __name__ == "__main__":
    main()
