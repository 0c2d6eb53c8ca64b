# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Turns the golden files into a corpus for the fuzzers: python runtime/fuzz/make_corpus.py SEEDS

``SEEDS/nets`` is for net_fuzzer, ``SEEDS/readers`` for reader_fuzzer.
"""

import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
MANIFEST = """{"schema": "mdeploy-manifest/1", "name": "m", "inputs": [{"name": "data", "shape": [1, 3, 4, 4],
"dtype": "float32", "layout": "NCHW", "color_order": "rgb", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2],
"resize": {"mode": "bilinear", "short_side": 5, "size": null}, "crop": [4, 4]}], "outputs": [{"name": "p",
"shape": [1, 2], "dtype": "float32", "meaning": "probabilities"}], "labels": ["a", "b\\u00e9"], "files":
{"init_net.pb": {"bytes": 3, "sha256": "HASH"}}, "golden": [{"case": "zeros", "kind": "zeros"}]}
""".replace("HASH", "0123456789abcdef" * 4)
PICTURE = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(range(8))


def nets(folder: Path) -> None:
    """One file a case and way of loading: sizes, shape byte, both nets."""
    for case in sorted([*(GOLDEN / "operators").iterdir(), *(GOLDEN / "old_nets").iterdir()]):
        init = next(case.glob("init_net.pb*")).read_bytes()
        predict = next(case.glob("predict_net.pb*")).read_bytes()
        for flags in (0x06, 0x46, 0x86):  # 4 channels; every blob kept; the plain loops
            head = len(init).to_bytes(2, "little") + bytes([flags, 0x65])  # 6 x 7
            (folder / f"{case.name}-{flags:02x}").write_bytes(head + init + predict)


def readers(folder: Path) -> None:
    """Arrays of every type, a manifest, a picture."""
    for path in sorted((GOLDEN / "operators").glob("*/*.npy")):
        if path.stat().st_size < 1000:
            (folder / f"{path.parent.name}-{path.stem}").write_bytes(b"\0" + path.read_bytes())
    (folder / "manifest").write_bytes(b"\1" + MANIFEST.encode())
    (folder / "picture").write_bytes(b"\2" + PICTURE)


def main() -> None:
    """Write both folders."""
    for name, write in (("nets", nets), ("readers", readers)):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)


main()
