# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What must hold of an executable for Android, read from its ELF headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from mdeploy.errors import InputError
from mdeploy.files import cannot_read

__all__ = ["PAGE_BYTES", "ElfSummary", "read_elf"]

PAGE_BYTES = 16384
"""Largest page size of Android devices: segments must be aligned to it."""

_PT_LOAD, _PT_INTERP = 1, 3
_SHT_SYMTAB = 2
_MACHINES = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64"}


@dataclass(frozen=True)
class ElfSummary:
    """``load_alignment`` is the smallest alignment of its loadable segments in bytes; ``static`` means that it names
    no dynamic loader; ``stripped`` that it has no symbol table."""

    machine: str
    bits: int
    static: bool
    stripped: bool
    load_alignment: int


def read_elf(path: Path) -> ElfSummary:
    """Read the headers. Raises ``InputError`` when ``path`` is not a little-endian ELF file."""
    try:
        data = path.read_bytes()
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise InputError(f"{path}: not a little-endian ELF file")
        bits = 64 if data[4] == 2 else 32
        machine = struct.unpack_from("<H", data, 18)[0]
        if bits == 64:
            program, sections = struct.unpack_from("<QQ", data, 32)
            program_size, program_count, section_size, section_count = struct.unpack_from("<HHHH", data, 54)
            align_at, align_format = 48, "<Q"
        else:
            program, sections = struct.unpack_from("<II", data, 28)
            program_size, program_count, section_size, section_count = struct.unpack_from("<HHHH", data, 42)
            align_at, align_format = 28, "<I"
        headers = [program + i * program_size for i in range(program_count)]
        kinds = [struct.unpack_from("<I", data, at)[0] for at in headers]
        alignments = [
            struct.unpack_from(align_format, data, at + align_at)[0]
            for at, kind in zip(headers, kinds, strict=True)
            if kind == _PT_LOAD
        ]
        section_kinds = [
            struct.unpack_from("<I", data, sections + i * section_size + 4)[0] for i in range(section_count)
        ]
    except OSError as error:
        raise cannot_read(path, error) from error
    except (struct.error, IndexError) as error:
        raise InputError(f"{path}: a broken ELF file") from error
    return ElfSummary(
        machine=_MACHINES.get(machine, str(machine)),
        bits=bits,
        static=_PT_INTERP not in kinds,
        stripped=_SHT_SYMTAB not in section_kinds,
        load_alignment=min(alignments, default=0),
    )
