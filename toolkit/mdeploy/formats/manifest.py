# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest of an artifact as frozen dataclasses: exactly ``schemas/manifest.schema.json``, read and written.

``Manifest.from_json`` validates against the schema first, so that every field below can be trusted afterwards, and
refuses what the harness refuses (``manifest.cc``). What the schema does not require has a default.
``Manifest.to_json`` gives plain JSON values in the schema's order. Equal manifests give equal bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdeploy.errors import InputError
from mdeploy.formats import typed
from mdeploy.formats.coverage import Coverage
from mdeploy.formats.json_text import read_json
from mdeploy.formats.preprocessing import Preprocessing
from mdeploy.formats.schema import DocumentSchema, validate
from mdeploy.tensors import TensorSpec

__all__ = [
    "MANIFEST",
    "MAX_MANIFEST_BYTES",
    "FileEntry",
    "GoldenEntry",
    "InputSpec",
    "Manifest",
    "OutputSpec",
    "PassRecord",
    "Resize",
    "Source",
    "manifest_schema",
]

MANIFEST = DocumentSchema("manifest", "a manifest of an artifact")

MAX_MANIFEST_BYTES = 8 << 20  # as in the harness
_MAX_TENSOR_BYTES = 16 << 30  # as in the harness


def manifest_schema() -> dict[str, Any]:
    """Return the JSON schema that Python, C++ and Java are tested against."""
    return MANIFEST.definition


@dataclass(frozen=True)
class Source:
    """What the artifact was converted from. ``file`` is a base name: no path of the machine that converted.

    For a Caffe2 net pair ``file`` is the predict net and ``init_file`` the init net.
    """

    kind: str
    file: str
    sha256: str
    model: str | None = None
    arguments: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    exporter: str | None = None
    init_file: str | None = None
    init_sha256: str | None = None
    weights_key: str | None = None
    """Where in the file the weights lay, as --weights-key was given."""


@dataclass(frozen=True)
class Resize:
    """Scale the shorter side to ``short_side`` pixels, or to exactly ``size`` [height, width]; the other is None."""

    mode: str
    short_side: int | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class InputSpec(TensorSpec):
    """One input of the net, and how an image becomes it: resize, crop, then (pixel / 255 - mean) / std.

    ``preprocessing`` says more and takes the place of ``resize`` and ``crop``.
    """

    layout: str | None = None
    color_order: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: Resize | None = None
    crop: tuple[int, int] | None = None
    preprocessing: Preprocessing | None = None

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width that the net takes; None where the input is no image."""
        if self.layout is None:
            return None
        height, width = self.shape[2:4] if self.layout == "NCHW" else self.shape[1:3]
        return height, width

    @property
    def channels(self) -> int:
        """Of an image."""
        return self.shape[1 if self.layout == "NCHW" else 3]

    def described(self, arithmetic: str) -> Preprocessing:
        """``preprocessing``; where there is none, what ``resize`` and ``crop`` say, computed by ``arithmetic``."""
        if self.preprocessing is not None:
            return self.preprocessing
        new = Preprocessing(arithmetic, crop=self.crop)
        if self.resize is None:
            return new
        return replace(new, interpolation=self.resize.mode, short_side=self.resize.short_side, size=self.resize.size)

    @classmethod
    def from_json(cls, data: Any, where: str) -> InputSpec:
        """Validate one input's parsed JSON, alone, and return it. Raises ``InputError`` naming ``where``."""
        validate(data, {"$defs": manifest_schema()["$defs"], "$ref": "#/$defs/input"}, where)
        spec = _input_from_json(data)
        _check_input(spec, where)
        return spec

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values in the schema's order."""
        return _input_to_json(self)


@dataclass(frozen=True)
class OutputSpec(TensorSpec):
    """One output of the net; ``meaning`` (logits, log_probabilities, probabilities) decides the tolerance rule."""

    meaning: str = "logits"


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and SHA-256 (lower-case hex) of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class GoldenEntry:
    """One golden case: ``golden/CASE/{input_N,output_N}.npy``."""

    case: str
    kind: str
    seed: int | None = None
    image: str | None = None
    made: str | None = None
    """How an input was made that conversion added so that more weights are reached."""


@dataclass(frozen=True)
class PassRecord:
    """What one graph pass did. ``max_abs`` is the largest difference it made on the check inputs."""

    name: str
    applied: bool
    nodes_before: int | None = None
    nodes_after: int | None = None
    max_abs: float | None = None


@dataclass(frozen=True)
class Manifest:
    """manifest.json: what the nets are, where they came from, and how to feed them."""

    name: str
    source: Source
    tools: Mapping[str, str]
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    labels: tuple[str, ...] | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    golden: tuple[GoldenEntry, ...] = ()
    operators: Mapping[str, int] = field(default_factory=dict)
    parameters: int = 0
    macs: int = 0
    passes: tuple[PassRecord, ...] = ()
    reference: str | None = None
    """The backend that gave the golden outputs, where the source's kind does not tell: caffe2 or mdeploy."""
    coverage: Coverage | None = None
    """What the golden cases would notice; None where nobody measured it."""

    @property
    def golden_backend(self) -> str:
        """The backend that gave the golden outputs."""
        by_kind = {"onnx": "onnxruntime", "caffe2": "caffe2"}
        return self.reference or by_kind.get(self.source.kind, "torch")

    @classmethod
    def from_json(cls, data: Any, where: str = "manifest.json") -> Manifest:
        """Validate parsed JSON and return the manifest.

        Raises ``InputError`` naming ``where`` and the key at fault.
        """
        data = MANIFEST.current(data, where)
        labels = data.get("labels")
        manifest = cls(
            name=data["name"],
            source=typed.from_json(Source, data["source"]),
            tools=data["tools"],
            inputs=tuple(_input_from_json(item) for item in data["inputs"]),
            outputs=tuple(typed.from_json(OutputSpec, item) for item in data["outputs"]),
            labels=None if labels is None else tuple(labels),
            files={path: typed.from_json(FileEntry, entry) for path, entry in data["files"].items()},
            golden=tuple(
                GoldenEntry(item["case"], item["kind"], item.get("seed"), item.get("picture"), item.get("made"))
                for item in data["golden"]
            ),
            operators=data.get("operators", {}),
            parameters=data["parameters"],
            macs=data["macs"],
            passes=tuple(typed.from_json(PassRecord, item) for item in data.get("passes", ())),
            reference=data.get("reference"),
            coverage=None if data.get("coverage") is None else Coverage.from_json(data["coverage"]),
        )
        _check_consistency(manifest, where)
        return manifest

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read and check manifest.json. Raises ``InputError`` naming the file."""
        return cls.from_json(read_json(path, MAX_MANIFEST_BYTES), str(path))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, validated against the schema."""
        data: dict[str, Any] = {
            "schema": MANIFEST.id,
            "name": self.name,
            "source": {
                "kind": self.source.kind,
                "file": self.source.file,
                "sha256": self.source.sha256,
                "model": self.source.model,
                "arguments": _optional_dict(self.source.arguments),
                "metrics": _optional_dict(self.source.metrics),
                "exporter": self.source.exporter,
            },
            "tools": dict(sorted(self.tools.items())),
            "inputs": [_input_to_json(spec) for spec in self.inputs],
            "outputs": [
                {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype, "meaning": spec.meaning}
                for spec in self.outputs
            ],
            "labels": None if self.labels is None else list(self.labels),
            "files": {
                path: {"bytes": entry.bytes, "sha256": entry.sha256} for path, entry in sorted(self.files.items())
            },
            "golden": [_golden_to_json(item) for item in self.golden],
            "operators": dict(sorted(self.operators.items())),
            "parameters": self.parameters,
            "macs": self.macs,
            "passes": [_pass_to_json(item) for item in self.passes],
        }
        if self.source.init_file is not None:
            data["source"] |= {"init_file": self.source.init_file, "init_sha256": self.source.init_sha256}
        if self.source.weights_key is not None:
            data["source"]["weights_key"] = self.source.weights_key
        if self.reference is not None:
            data["reference"] = self.reference
        if self.coverage is not None:
            data["coverage"] = self.coverage.to_json()
        validate(data, MANIFEST.definition, "the manifest to write")
        _check_consistency(self, "the manifest to write")
        return data

    def to_text(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _check_consistency(manifest: Manifest, where: str) -> None:
    """What a JSON schema cannot say."""
    cases = [item.case for item in manifest.golden]
    if len(set(cases)) != len(cases):
        raise InputError(f"{where}: golden: two cases have the same name")
    for role, specs in (("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        for index, spec in enumerate(specs):
            if math.prod(spec.shape) * np.dtype(spec.dtype).itemsize > _MAX_TENSOR_BYTES:
                raise InputError(f"{where}: {role}[{index}].shape: {list(spec.shape)} takes more than 16 GiB")
    for index, item in enumerate(manifest.inputs):
        _check_input(item, f"{where}: inputs[{index}]")


def _check_input(spec: InputSpec, key: str) -> None:
    if spec.resize is not None and (spec.resize.short_side is None) == (spec.resize.size is None):
        raise InputError(f"{key}.resize: exactly one of short_side and size must be given")
    if spec.preprocessing is not None:
        if spec.resize is not None or spec.crop is not None:
            raise InputError(f"{key}: preprocessing takes the place of resize and crop")
        spec.preprocessing.check(f"{key}.preprocessing")
    if (spec.mean is None) != (spec.std is None):
        raise InputError(f"{key}: mean and std go together")
    if spec.layout is None:
        return
    if len(spec.shape) != 4:
        raise InputError(f"{key}.shape: an image of layout {spec.layout} has 4 dimensions, got {list(spec.shape)}")
    channels = spec.channels
    for name, values in (("mean", spec.mean), ("std", spec.std)):
        if values is not None and len(values) != channels:
            raise InputError(f"{key}.{name}: {len(values)} values for {channels} channels")
    if spec.std is not None and any(not value > 0 for value in spec.std):
        raise InputError(f"{key}.std: must be greater than zero")


def _input_from_json(item: Mapping[str, Any]) -> InputSpec:
    mean, std, resize = (item.get(key) for key in ("mean", "std", "resize"))
    return InputSpec(
        name=item["name"],
        shape=tuple(item["shape"]),
        dtype=item["dtype"],
        layout=item.get("layout"),
        color_order=item.get("color_order"),
        mean=None if mean is None else tuple(float(value) for value in mean),
        std=None if std is None else tuple(float(value) for value in std),
        resize=None if resize is None else Resize(resize["mode"], resize.get("short_side"), _pair(resize.get("size"))),
        crop=_pair(item.get("crop")),
        preprocessing=Preprocessing.from_json(item.get("preprocessing")),
    )


def _input_to_json(spec: InputSpec) -> dict[str, Any]:
    resize = spec.resize
    data: dict[str, Any] = {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "layout": spec.layout,
        "color_order": spec.color_order,
        "mean": None if spec.mean is None else list(spec.mean),
        "std": None if spec.std is None else list(spec.std),
        "resize": None
        if resize is None
        else {
            "mode": resize.mode,
            "short_side": resize.short_side,
            "size": None if resize.size is None else list(resize.size),
        },
        "crop": None if spec.crop is None else list(spec.crop),
    }
    if spec.preprocessing is not None:
        data["preprocessing"] = spec.preprocessing.to_json()
    return data


def _golden_to_json(entry: GoldenEntry) -> dict[str, Any]:
    data: dict[str, Any] = {"case": entry.case, "kind": entry.kind, "seed": entry.seed, "picture": entry.image}
    if entry.made is not None:
        data["made"] = entry.made
    return data


def _pass_to_json(record: PassRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"name": record.name, "applied": record.applied}
    if record.nodes_before is not None:
        data["nodes_before"] = record.nodes_before
    if record.nodes_after is not None:
        data["nodes_after"] = record.nodes_after
    data["max_abs"] = record.max_abs
    return data


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])


def _optional_dict(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else dict(values)
