# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Lines to break, over all parts, and the tests that should notice: the data of ``tools/mutate.py``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CTEST", "MUTANTS", "Mutant"]

CTEST = "ctest:"
"""Before a pattern of C++ tests."""


@dataclass(frozen=True)
class Mutant:
    """One line of ``file`` (without its indentation), what takes its place, and pytest's arguments or C++ tests."""

    file: str
    line: str
    replacement: str
    tests: tuple[str, ...]


_TOOLKIT = "toolkit/mdeploy/"
_TRAINING = "training/mdeploy_training/"
_JAVA = "android_harness/app/src/main/java/org/mdeploy/harness/"
_GOLDEN = ("tests/runtime/test_golden.py",)
_HARNESS = ("tests/toolkit/deployment/package/test_harness_command.py",)
_APP = ("tests/android/test_android_app.py",)

MUTANTS = (
    Mutant(
        f"{_TOOLKIT}comparison/tolerance.py",
        "magnitude = np.where(finite, np.abs(a), 0.0)",
        "magnitude = np.where(finite, np.abs(b), 0.0)",
        ("tests/toolkit/comparison/test_tolerance.py",),
    ),
    Mutant(
        f"{_TOOLKIT}comparison/tolerance.py",
        "passed=required is not None and required <= tolerance.tol,",
        "passed=required is not None and required < tolerance.tol,",
        ("tests/toolkit/comparison/test_tolerance.py",),
    ),
    Mutant(
        f"{_TOOLKIT}comparison/layers.py",
        "return comparison, required, required <= tolerance.tol + tolerance.rtol",
        "return comparison, required, True",
        ("tests/toolkit/comparison/test_layers.py",),
    ),
    Mutant(
        f"{_TOOLKIT}evaluation/statistics.py",
        "return cls(float(ms.mean()), float(ms.std()), float(ms.min()), p50, p90, p99, float(ms.max()))",
        "return cls(float(ms.mean()), float(ms.std(ddof=1)), float(ms.min()), p50, p90, p99, float(ms.max()))",
        ("tests/toolkit/evaluation/test_statistics.py",),
    ),
    Mutant(
        f"{_TOOLKIT}evaluation/statistics.py",
        "half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))",
        "half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (2 * n * n))",
        ("tests/toolkit/evaluation/test_statistics.py",),
    ),
    Mutant(
        f"{_TOOLKIT}evaluation/dataset.py",
        "if unknown or not folders:",
        "if not folders:",
        ("tests/toolkit/evaluation/test_dataset.py",),
    ),
    Mutant(
        f"{_TOOLKIT}reports/diff.py",
        "slower, faster = fast[1] > 0 and median[0] > usual, fast[2] < 0 and median[0] < -usual",
        "slower, faster = fast[1] > 0, fast[2] < 0",
        ("tests/toolkit/reports/test_diff.py",),
    ),
    Mutant(
        f"{_TOOLKIT}reports/history.py",
        "if version > len(_MIGRATIONS):",
        "if version < 0:",
        ("tests/toolkit/reports/test_history.py",),
    ),
    Mutant(
        f"{_TOOLKIT}reports/collect/limits.py",
        "wait = 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) * 60 / self._capacity))",
        "wait = 0 if tokens >= 0 else max(1, math.ceil((1 - tokens) * 60 / self._capacity))",
        ("tests/toolkit/reports/collect/test_limits.py",),
    ),
    Mutant(
        f"{_TOOLKIT}reports/collect/app.py",
        'if scheme.lower() != "bearer" or not right:',
        'if scheme.lower() != "bearer":',
        ("tests/toolkit/reports/collect/test_app.py",),
    ),
    Mutant(
        f"{_TOOLKIT}formats/artifact.py",
        "if verify and file_sha256(path) != entry.sha256:",
        "if not verify and file_sha256(path) != entry.sha256:",
        ("tests/toolkit/formats/test_artifact.py",),
    ),
    Mutant(
        f"{_TOOLKIT}formats/manifest.py",
        "if math.prod(spec.shape) * np.dtype(spec.dtype).itemsize > _MAX_TENSOR_BYTES:",
        "if math.prod(spec.shape) > _MAX_TENSOR_BYTES:",
        ("tests/toolkit/formats/test_artifact.py", "tests/toolkit/test_damaged_files.py"),
    ),
    Mutant(
        f"{_TOOLKIT}formats/manifest.py",
        "if spec.std is not None and any(not value > 0 for value in spec.std):",
        "if spec.std is not None and any(not value >= 0 for value in spec.std):",
        ("tests/toolkit/formats/test_artifact.py",),
    ),
    Mutant(
        f"{_TOOLKIT}formats/checkpoint.py",
        "if sum(entry.file_size for entry in entries) > path.stat().st_size:",
        "if sum(entry.file_size for entry in entries) < 0:",
        ("tests/toolkit/formats/test_checkpoint.py",),
    ),
    Mutant(
        f"{_TOOLKIT}caffe2/check.py",
        "if source == target and not schema.allows_inplace(i, o):",
        "if source == target and i != o and not schema.allows_inplace(i, o):",
        ("tests/toolkit/caffe2/test_check.py", "tests/toolkit/caffe2/test_caffe2_schemas.py"),
    ),
    Mutant(
        f"{_TOOLKIT}caffe2/macs.py",
        "return prod(out) * a[0 if transposed is not None and transposed.as_int() else 1]",
        "return prod(out) * a[1]",
        ("tests/toolkit/caffe2/test_macs.py",),
    ),
    Mutant(
        f"{_TOOLKIT}caffe2/ops/conv.py",
        'pads = [*small, *large] if mode == "SAME_UPPER" else [*large, *small]',
        "pads = [*small, *large]",
        ("tests/toolkit/caffe2/test_traps.py",),
    ),
    Mutant(
        f"{_TOOLKIT}onnx/passes/no_ops.py",
        "return perm is not None and list(perm.as_ints()) == sorted(perm.as_ints())",
        "return perm is not None",
        ("tests/toolkit/onnx/test_pipeline.py",),
    ),
    Mutant(
        f"{_TOOLKIT}onnx/passes/log_softmax.py",
        "axis = attribute.as_int() if attribute is not None else (-1 if opset >= 13 else 1)",
        "axis = attribute.as_int() if attribute is not None else -1",
        ("tests/toolkit/onnx/test_pipeline.py", "tests/toolkit/caffe2/test_traps.py"),
    ),
    Mutant(
        f"{_TOOLKIT}onnx/pipeline.py",
        "if not difference <= allowed:",
        "if difference == np.inf:",
        ("tests/toolkit/onnx/test_pipeline.py",),
    ),
    Mutant(
        f"{_TOOLKIT}deployment/package/apk_zip.py",
        'return LIBRARY_ALIGNMENT if path.parts[:1] == ("lib",) and path.suffix == ".so" else STORED_ALIGNMENT',
        "return STORED_ALIGNMENT",
        ("tests/toolkit/deployment/package/test_apk_zip.py",),
    ),
    Mutant(
        f"{_TOOLKIT}deployment/package/signing.py",
        'return hashlib.new(name, b"\\x5a" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()',
        'return hashlib.new(name, b"\\xa5" + struct.pack("<I", len(digests)) + b"".join(digests)).digest()',
        ("tests/toolkit/deployment/package/test_signing.py",),
    ),
    Mutant(
        f"{_TOOLKIT}deployment/package/archive.py",
        "info.external_attr = (0o100755 if entry.executable else 0o100644) << 16",
        "info.external_attr = 0o100644 << 16",
        ("tests/toolkit/deployment/package/test_build.py::test_host_package_runs",),
    ),
    Mutant(
        f"{_TOOLKIT}deployment/devices/local.py",
        "return Completed(code if code >= 0 else 128 - code, stdout, stderr)",
        "return Completed(code, stdout, stderr)",
        ("tests/toolkit/deployment/devices/test_local.py",),
    ),
    Mutant(
        f"{_TOOLKIT}figures.py",
        "if abs(scaled) < 999.5:  # which would be written as 1000",
        "if abs(scaled) < 1000:",
        ("tests/toolkit/test_figures.py",),
    ),
    Mutant(
        f"{_TOOLKIT}text.py",
        'return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)',
        "return text",
        ("tests/toolkit/reports/collect/test_app.py", "tests/toolkit/cli/show", "tests/toolkit/formats/test_report.py"),
    ),
    Mutant(
        f"{_TOOLKIT}native/images.py",
        "if image.width * image.height > _MAX_PIXELS:",
        "if image.width > _MAX_PIXELS:",
        ("tests/toolkit/native/test_images.py",),
    ),
    Mutant(
        f"{_TRAINING}models/split_attention.py",
        "return grouped.transpose(1, 2).softmax(dim=1).reshape(-1, self.radix * self.out_channels, 1, 1)",
        "return grouped.softmax(dim=2).reshape(-1, self.radix * self.out_channels, 1, 1)",
        ("tests/training/models/test_split_attention.py",),
    ),
    Mutant(
        f"{_TRAINING}run/schedule.py",
        "return recipe.lr * epoch / recipe.warmup_epochs",
        "return recipe.lr * (epoch + 1) / recipe.warmup_epochs",
        ("tests/training/run/test_schedule.py",),
    ),
    Mutant(
        f"{_TRAINING}data/augmentation.py",
        "return 1 - (bottom - top) * (right - left) / (height * width), (top, left, bottom, right)",
        "return (bottom - top) * (right - left) / (height * width), (top, left, bottom, right)",
        ("tests/training/data/test_augmentation.py",),
    ),
    Mutant(
        f"{_TRAINING}sweep/pareto.py",
        "if not front or result.accuracy > front[-1].accuracy:",
        "if not front or result.accuracy >= front[-1].accuracy:",
        ("tests/training/sweep/test_pareto.py",),
    ),
    Mutant(
        f"{_TRAINING}run/optimization.py",
        "return loss if not smoothing else (1 - smoothing) * loss - smoothing * log_probabilities.mean()",
        "return loss if not smoothing else (1 - smoothing) * loss + smoothing * log_probabilities.mean()",
        ("tests/training/run/test_engine.py", "tests/training/run/test_recipe.py"),
    ),
    Mutant(
        "runtime/src/exec/memory_plan.cc",
        "if (it->second >= bytes && (best == runs_.end() || it->second < best->second)) best = it;",
        "if (it->second > 0 && (best == runs_.end() || it->second < best->second)) best = it;",
        ("tests/toolkit/backends/test_mdeploy.py", *_GOLDEN),
    ),
    Mutant(
        "runtime/src/ops/softmax.cc",
        "if (x[i] > s.largest || x[i] != x[i]) s.largest = x[i];",
        "if (x[i] < s.largest || x[i] != x[i]) s.largest = x[i];",
        ("tests/toolkit/backends/test_mdeploy.py", *_GOLDEN),
    ),
    Mutant(
        "runtime/src/proto/wire.cc",
        "if (size > left()) {",
        "if (size > left() + 1) {",
        (f"{CTEST}NetDefReader",),
    ),
    Mutant(
        "runtime/src/image/geometry.cc",
        "h = width <= height ? side * height / width : side;",
        "h = width >= height ? side * height / width : side;",
        ("tests/toolkit/native/test_preprocess.py",),
    ),
    Mutant(
        "runtime/harness/src/run/statistics.cc",
        "const size_t above = std::min(below + 1, sorted.size() - 1);",
        "const size_t above = below;",
        _HARNESS,
    ),
    Mutant(
        "runtime/harness/src/run/tolerance.cc",
        "const double beyond = std::max(0.0, difference - tolerance.rtol * magnitude);",
        "const double beyond = difference;",
        (f"{CTEST}Tolerance",),
    ),
    Mutant(
        f"{_JAVA}LatencyTrace.java",
        "millis[i] = Math.max(millis[2 * i], millis[2 * i + 1]);",
        "millis[i] = millis[2 * i];",
        _APP,
    ),
    Mutant(
        f"{_JAVA}TopClasses.java",
        "if (!taken[i] && (best < 0 || probabilities[i] > probabilities[best])) {",
        "if (!taken[i] && (best < 0 || probabilities[i] >= probabilities[best])) {",
        _APP,
    ),
)
