# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Android's own commands on the stand-in device, as far as the toolkit uses them: ``device_commands.py NAME ARGS``.

The app is played by its contract: it takes the intent's extras, runs the harness out of the APK that was installed,
with the model out of the same APK, and writes the report and the end marker where the real one does.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(os.environ["DEVICE_ROOT"])
LOG = ROOT / "log"
PACKAGE = "org.mdeploy.harness"
APK = ROOT / "data" / "app" / PACKAGE / "base.apk"
DATA = ROOT / "data" / "data" / PACKAGE
PID = ROOT / "run" / f"{PACKAGE}.pid"


def state() -> dict[str, Any]:
    """What the test has set: see StandIn.state."""
    content: dict[str, Any] = json.loads((ROOT / "state.json").read_text())
    return content


def getprop(arguments: list[str]) -> int:
    properties = state()["properties"]
    if arguments:
        print(properties.get(arguments[0], ""))
    else:
        print("\n".join(f"[{name}]: [{value}]" for name, value in properties.items()))
    return 0


def dumpsys(arguments: list[str]) -> int:
    if arguments[:1] == ["thermalservice"]:
        print(f"IsStatusOverride: false\nThermalEventListeners:\nThermal Status: {state()['thermal_status']}")
    if arguments[:1] == ["battery"]:
        print("Current Battery Service state:\n  AC powered: false\n  level: 80\n  scale: 100\n  status: 3")
        print(f"  temperature: {state()['battery_tenths']}")
    return 0


def cmd(arguments: list[str]) -> int:
    """`cmd package install ... -S SIZE` with the APK on standard input."""
    assert arguments[:2] == ["package", "install"], arguments
    size = int(arguments[arguments.index("-S") + 1])
    apk = sys.stdin.buffer.read(size)
    refusal = state().get("install_refusal")
    if refusal or len(apk) != size or not apk.startswith(b"PK"):
        print(f"Failure [{refusal or 'INSTALL_PARSE_FAILED_NOT_APK'}]")
        return 1
    APK.parent.mkdir(parents=True, exist_ok=True)
    APK.write_bytes(apk)
    library = APK.parent / "lib"
    shutil.rmtree(library, ignore_errors=True)
    library.mkdir()
    with zipfile.ZipFile(APK) as archive:  # what extractNativeLibs makes the package manager do
        for name in archive.namelist():
            if name.startswith("lib/x86_64/"):
                target = library / Path(name).name
                target.write_bytes(archive.read(name))
                target.chmod(0o755)
    DATA.mkdir(parents=True, exist_ok=True)
    print("Success")
    return 0


def pm(arguments: list[str]) -> int:
    if arguments[0] == "path":
        if APK.exists():
            print("package:/data/app/base.apk")
        return 0 if APK.exists() else 1
    assert arguments == ["uninstall", PACKAGE], arguments
    force_stop()
    shutil.rmtree(APK.parent, ignore_errors=True)
    shutil.rmtree(DATA, ignore_errors=True)
    print("Success")
    return 0


def am(arguments: list[str]) -> int:
    if arguments[0] == "force-stop":
        force_stop()
        return 0
    assert arguments[0] == "start", arguments
    component = arguments[arguments.index("-n") + 1]
    if not APK.exists():
        print(f"Error type 3\nError: Activity class {{{component}}} does not exist.")
        return 1
    if "-S" in arguments:
        force_stop()
    extras = {arguments[i + 1]: arguments[i + 2] for i, word in enumerate(arguments) if word == "--es"}
    app = subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, "app", extras["mdeploy.id"], extras.get("mdeploy.args", "")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    PID.parent.mkdir(exist_ok=True)
    PID.write_text(str(app.pid))
    print(f"Starting: Intent {{ cmp={component} (has extras) }}\nStatus: ok\nLaunchState: COLD\nComplete")
    return 0


def app(arguments: list[str]) -> int:
    run_id, flags = arguments
    behaviour = state().get("app")
    log(f"MDeployStart id={run_id} runner=app_child")
    if behaviour == "hang":
        time.sleep(600)
    if behaviour == "crash":
        log("FATAL EXCEPTION: main")
        log("java.lang.IllegalStateException: played by the test")
        PID.unlink()
        return 1
    if behaviour == "refuses":
        log(f"MDeployDone id={run_id} exit=2 status=usage error=--runs: 'x' is not a number that it takes")
        return 0
    model, report = DATA / "no_backup" / "model", DATA / "files" / "reports" / f"{run_id}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(APK) as archive:
        for name in archive.namelist():
            if name.startswith("assets/model/"):
                target = model / name.removeprefix("assets/model/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    log("MDeployPhase measure")
    command = [APK.parent / "lib" / "libmdeploy_harness.so", "--init", model / "init_net.pb"]
    command += ["--predict", model / "predict_net.pb", "--manifest", model / "manifest.json"]
    command += ["--golden", model / "golden", "--runner", "app_child", "--report", report, "--", *shlex.split(flags)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    marker = f"MDeployDone id={run_id} exit={done.returncode} status=word"
    if report.exists():
        content = report.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if behaviour == "torn report":
            report.write_bytes(content[: len(content) // 2])
        marker += f" report=files/reports/{report.name} bytes={len(content)} sha256={digest}"
    if done.returncode != 0:
        marker += f" error={done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no reason'}"
    log(marker)
    time.sleep(600)  # a real app stays on the screen
    return 0


def logcat(arguments: list[str]) -> NoReturn:
    assert {"-T", "mdeploy:I"} <= set(arguments), arguments
    os.execvp("tail", ["tail", "-n", "1", "-F", str(LOG)])


def run_as(arguments: list[str]) -> NoReturn:
    assert arguments[0] == PACKAGE, arguments
    if state().get("app") == "not debuggable" or not DATA.exists():
        print(f"run-as: package not debuggable: {PACKAGE}" if DATA.exists() else f"run-as: unknown package: {PACKAGE}")
        sys.exit(1)
    os.chdir(DATA)
    os.execvp(arguments[1], arguments[1:])


def pidof(arguments: list[str]) -> int:
    try:
        pid = int(PID.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return 1
    # A process that has ended and was not waited for still takes signals.
    if re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE):
        return 1
    print(pid)
    return 0


def force_stop() -> None:
    try:
        os.killpg(int(PID.read_text()), signal.SIGKILL)
        PID.unlink()
    except (OSError, ValueError):
        pass


def log(line: str) -> None:
    with LOG.open("a") as stream:
        stream.write(line + "\n")


def main() -> int:
    name, *arguments = sys.argv[1:]
    if name == "input":
        return 0
    played = {"getprop": getprop, "dumpsys": dumpsys, "cmd": cmd, "pm": pm, "am": am, "app": app, "logcat": logcat}
    return {**played, "run-as": run_as, "pidof": pidof}[name](arguments)


if __name__ == "__main__":
    sys.exit(main())
