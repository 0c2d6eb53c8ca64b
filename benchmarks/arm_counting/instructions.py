# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The kind of an AArch64 instruction, from its word of code: Arm's tables of encodings, as far as kinds need them."""

from __future__ import annotations

from functools import cache

__all__ = ["KINDS", "kind_of"]

KINDS = {
    "multiply_add": "FMLA, FMLS and FMUL of four floats",
    "multiply_add_half": "FMLA, FMLS and FMUL of eight halves",
    "dot": "dot products and matrix products of small integers and bfloat16",
    "float": "other arithmetic on vectors of floats",
    "vector": "moves, permutations and integers in vector registers",
    "vector_load": "loads of vector registers",
    "vector_store": "stores of vector registers",
    "scalar_float": "arithmetic on single floats",
    "integer": "addresses, counters, comparisons",
    "load": "loads of general registers",
    "store": "stores of general registers",
    "prefetch": "PRFM",
    "branch": "branches and calls",
    "sve": "SVE and SME",
    "other": "system",
}

# (mask, value, kind) within SIMD and floating point; the first that fits.
_VECTOR = (
    (0xFF60FC00, 0x4E20CC00, "multiply_add"),  # FMLA, FMLS (vector), .4s
    (0xFFE0FC00, 0x6E20DC00, "multiply_add"),  # FMUL (vector), .4s
    (0xFFC0B400, 0x4F801000, "multiply_add"),  # FMLA, FMLS (by element), .4s
    (0xFFC0F400, 0x4F809000, "multiply_add"),  # FMUL (by element), .4s
    (0xFF60FC00, 0x4E400C00, "multiply_add_half"),  # the same, .8h
    (0xFFE0FC00, 0x6E401C00, "multiply_add_half"),
    (0xFFC0B400, 0x4F001000, "multiply_add_half"),
    (0xFFC0F400, 0x4F009000, "multiply_add_half"),
    (0x9F00E400, 0x0F00E000, "dot"),  # by element
    (0x9F20E400, 0x0E008400, "dot"),  # three registers, extension: opcodes 0 to 3
    (0x9F20E400, 0x0E00A400, "dot"),  # 4 to 7: matrix products
    (0x9F20E400, 0x0E00E400, "dot"),  # 12 to 15: bfloat16
    (0x9F20C400, 0x0E20C400, "float"),  # three registers, opcodes from 24 on
    (0x9F60C400, 0x0E400400, "float"),  # the same of halves
    (0x5F000000, 0x1E000000, "scalar_float"),
    (0x5F000000, 0x1F000000, "scalar_float"),  # FMADD and its like
    (0xDF000000, 0x5E000000, "scalar_float"),  # one lane of a vector register
    (0xDF000000, 0x5F000000, "scalar_float"),
)


@cache
def kind_of(word: int) -> str:
    """One of ``KINDS``."""
    group = word >> 25 & 15
    if group in (0, 2):
        return "sve" if group == 2 or word >> 31 else "other"
    if group in (8, 9, 5, 13):
        return "integer"
    if group in (10, 11):
        return "other" if word >> 24 in (0xD4, 0xD5) else "branch"
    if group in (7, 15):
        return next((kind for mask, value, kind in _VECTOR if word & mask == value), "vector")
    if group & 5 == 4:
        return _access(word)
    return "other"


def _access(word: int) -> str:
    """Of a load or store."""
    vector, load = bool(word >> 26 & 1), bool(word >> 22 & 1)
    if word & 0x3B000000 == 0x18000000:  # of a literal
        if not vector and word >> 30 == 3:
            return "prefetch"
        load = True
    elif word & 0x3A000000 == 0x38000000 and not vector:  # one register; some loads extend the sign
        if word >> 22 & 0x303 == 0x302:
            return "prefetch"
        load = bool(word >> 22 & 3)
    return ("vector_" if vector else "") + ("load" if load else "store")
