# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The files of an artifact that a device needs, and how the harness is started on them: for zips, apps and benches."""

from __future__ import annotations

from pathlib import Path

from mdeploy.formats.artifact import INIT_NET, MANIFEST_FILE, PREDICT_NET, Artifact, golden_path

__all__ = ["HARNESS_ARGUMENTS", "payload"]

HARNESS_ARGUMENTS = (
    *("--init", INIT_NET, "--predict", PREDICT_NET),
    *("--manifest", MANIFEST_FILE, "--golden", "golden"),
)
"""Flags of a run in the directory that holds the payload."""


def payload(artifact: Artifact) -> dict[str, Path]:
    """Files by their path on the device: everything but model.onnx, which no harness reads."""
    names = [MANIFEST_FILE, INIT_NET, PREDICT_NET]
    for entry in artifact.manifest.golden:
        names += [golden_path(entry.case, "input", index) for index in range(len(artifact.manifest.inputs))]
        names += [golden_path(entry.case, "output", index) for index in range(len(artifact.manifest.outputs))]
    return {name: artifact.path / name for name in names}
