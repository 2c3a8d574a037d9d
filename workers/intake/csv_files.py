"""Comma-separated tables of untrusted archives: a header and rows of one length, as text."""

from __future__ import annotations

import csv
import io

from schemas.problems import ErrorCode

from .limits import DatasetCaps
from .refusals import refuse, show

LONGEST_FIELD = 4096


def read_csv(
    name: str, data: bytes, caps: DatasetCaps, code: ErrorCode, advice: str
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the UTF-8 table ``name``; empty lines are skipped.

    Raises:
        IntakeError: ``code``: it is too large, no UTF-8, or its rows have different lengths.
    """
    if len(data) > caps.csv_bytes:
        raise refuse(code, f"{name} has {len(data)} bytes, more than {caps.csv_bytes}", advice)
    csv.field_size_limit(LONGEST_FIELD)
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise refuse(code, f"{name} cannot be read: {show(str(error))}", advice) from error
    rows = [line for line in lines[1:] if line]
    if not lines or any(len(row) != len(lines[0]) for row in rows):
        raise refuse(code, f"{name} has rows of different lengths, or none", advice)
    return [column.strip() for column in lines[0]], rows
