# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Turns the golden nets into a corpus for net_fuzzer: python runtime/fuzz/make_corpus.py CORPUS"""

import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "operators"


def main() -> None:
    """Write one file a case: sizes, shape byte, both nets."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for case in sorted(GOLDEN.iterdir()):
        init = (case / "init_net.pb").read_bytes()
        predict = next(case.glob("predict_net.pb*")).read_bytes()
        for flags in (0x06, 0x46, 0x86):  # 4 channels; every blob kept; the plain loops
            head = len(init).to_bytes(2, "little") + bytes([flags, 0x65])  # 6 x 7
            (corpus / f"{case.name}-{flags:02x}").write_bytes(head + init + predict)


main()
