# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""This machine."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mdeploy.deployment.devices.base import Completed, Device, DeviceInfo, relative_path
from mdeploy.errors import UnavailableError

__all__ = ["LocalDevice", "local_info"]

_GRACE_SECONDS = 5.0


def local_info() -> DeviceInfo:
    """The row of this machine for ``mdeploy devices``."""
    system = f"{platform.system()} {platform.release()}"
    return DeviceInfo("local", f"this machine ({platform.node()})", platform.machine(), system, os.cpu_count())


class LocalDevice:
    """Runs the host harness in a temporary directory; a :class:`mdeploy.deployment.devices.base.Device`."""

    name = "local"
    abi = "host"
    slowdown = 1.0

    def __init__(self) -> None:
        self.description = f"this machine, {platform.system()} on {platform.machine()}"
        self._folder: Path | None = Path(tempfile.mkdtemp(prefix="mdeploy-bench-"))

    def put(self, source: Path, path: str, executable: bool = False) -> None:
        """Copy a file into the run's place. See ``Device.put``."""
        target = self._path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if executable else 0o644)
        except OSError as error:
            raise UnavailableError(f"{self.name}: cannot copy {source} to {target}: {error.strerror}") from error

    def run(self, command: Sequence[str], *, timeout: float) -> Completed:
        """Run a command in the run's place. See ``Device.run``."""
        words = [*self._prefix(), str(self._path(command[0])), *command[1:]]
        try:
            process = subprocess.Popen(
                words,
                cwd=self._path("."),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise UnavailableError(f"{self.name}: cannot start {command[0]}: {error.strerror}") from error
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"{self.name}: {command[0]} did not end in {timeout:.0f} s; ended") from None
        finally:
            _end(process)
        code = process.returncode
        return Completed(code if code >= 0 else 128 - code, stdout, stderr)

    def fetch(self, path: str, target: Path) -> None:
        """Copy a file back. See ``Device.fetch``."""
        source = self._path(path)
        if not source.is_file():
            raise UnavailableError(f"{self.name}: {path} is not there")
        shutil.copyfile(source, target)

    def close(self) -> None:
        """Remove the run's place. See ``Device.close``."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prefix(self) -> list[str]:
        """What the command is run with."""
        return []

    def _path(self, path: str) -> Path:
        assert self._folder is not None, "the device is closed"
        return self._folder if path == "." else self._folder / relative_path(path)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process that still runs, gently first, so that an interrupt leaves nothing behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
