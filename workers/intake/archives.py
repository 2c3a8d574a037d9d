"""Streams the members of an untrusted zip or tar; nothing is ever extracted to a file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .limits import DatasetCaps
from .refusals import refuse, show

ZIP_MAGIC, EMPTY_ZIP_MAGIC = b"PK\x03\x04", b"PK\x05\x06"
GZIP_MAGIC, BZIP2_MAGIC, XZ_MAGIC = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
COMPRESSED_MAGICS = (GZIP_MAGIC, BZIP2_MAGIC, XZ_MAGIC)
TAR_OVERHEAD = 2048
"""Bytes of headers and padding for one member of a tar."""

NESTED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".npz", ".jar", ".whl")
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
ENCRYPTED = 0x1
UNIX = 3
FILE_TYPE_MASK, REGULAR, DIRECTORY = 0o170000, 0o100000, 0o040000
FLAT_ADVICE = "Pack plain image files in class folders (and attributes.csv), nothing else, and upload again."
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
           RuntimeError, ValueError, IndexError, OverflowError)  # fmt: skip
"""What the standard library raises on damaged archives."""


@dataclass(frozen=True)
class Member:
    """One plain file of an archive: its checked relative name and its bytes."""

    name: str
    data: bytes


def is_zip(data: bytes) -> bool:
    """Whether the bytes start as a zip does (a zip behind something else is not taken for one)."""
    return data.startswith((ZIP_MAGIC, EMPTY_ZIP_MAGIC))


def is_tar(data: bytes) -> bool:
    """Whether the bytes start as a tar does, plain or compressed."""
    return data.startswith(COMPRESSED_MAGICS) or data[257:262] == b"ustar"


def members(data: bytes, caps: DatasetCaps) -> Iterator[Member]:
    """Plain files of the archive in its order, each read under the caps.

    Raises:
        IntakeError: ``DATASET_ARCHIVE_UNSAFE``, ``DATASET_TOO_LARGE`` or ``DATASET_UNREADABLE``.
    """
    budget = Budget(caps, len(data))
    try:
        yield from _zip_members(data, budget) if is_zip(data) else _tar_members(data, budget)
    except DAMAGED as error:
        detail = f"the archive is damaged: {show(str(error))}"
        raise refuse(ErrorCode.DATASET_UNREADABLE, detail, "Pack the files again.") from error


class Budget:
    """Counts what an archive has given so far against the caps, while it is being read."""

    def __init__(self, caps: DatasetCaps, compressed: int, member_bytes: int | None = None) -> None:
        self._caps = caps
        self._member_bytes = member_bytes or caps.member_bytes
        self._most_total = max(int(compressed * caps.ratio), caps.free_bytes)
        self.most_stream = self._most_total + TAR_OVERHEAD * caps.members
        self._total = 0
        self._members = 0
        self._seen: set[str] = set()

    def admit(self, name: str) -> None:
        """Count a member and check its name.

        Raises:
            IntakeError: too many members, an unsafe or repeated name.
        """
        self._members += 1
        if self._members > self._caps.members:
            raise refuse(
                ErrorCode.DATASET_TOO_LARGE, f"the archive has more than {self._caps.members} members", FLAT_ADVICE
            )
        check_name(name)
        if name in self._seen:
            raise _unsafe(f"the archive holds {show(name)} twice")
        self._seen.add(name)

    def read(self, name: str, file: IO[bytes]) -> bytes:
        """All bytes of a member, never more than the caps allow.

        Raises:
            IntakeError: the member or everything together expands too far.
        """
        left = self._most_total - self._total
        data = file.read(min(self._member_bytes, left) + 1)
        self._total += len(data)
        if len(data) > left:
            raise _unsafe(f"the archive expands to more than {self._caps.ratio:g} times its size")
        if len(data) > self._member_bytes:
            detail = f"{show(name)} has more than {self._member_bytes} bytes"
            raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, "Store smaller images.")
        return data


def check_name(name: str) -> None:
    """Refuse names that could leave a folder, and archives inside the archive.

    Raises:
        IntakeError: ``DATASET_ARCHIVE_UNSAFE``.
    """
    parts = name.rstrip("/").split("/")
    odd = not name or len(name) > 512 or not name.isprintable() or "\\" in name or ":" in parts[0]
    if odd or any(part in ("", ".", "..") for part in parts):
        raise _unsafe(f"the archive holds the name {show(name)}")
    if name.lower().endswith(NESTED):
        raise _unsafe(f"the archive holds another archive, {show(name)}")


def _zip_members(data: bytes, budget: Budget) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            budget.admit(info.filename)
            check_zip_kind(info)
            if info.is_dir():
                continue
            with archive.open(info) as file:
                yield Member(info.filename, budget.read(info.filename, file))


def check_zip_kind(info: zipfile.ZipInfo) -> None:
    """Refuse what is no plain file or folder.

    Raises:
        IntakeError: ``DATASET_ARCHIVE_UNSAFE``.
    """
    kind = (info.external_attr >> 16) & FILE_TYPE_MASK if info.create_system == UNIX else 0
    if kind not in (0, REGULAR, DIRECTORY):
        raise _unsafe(f"{show(info.filename)} is a link or a device")
    if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
        raise _unsafe(f"{show(info.filename)} is encrypted or packed by an unusual method")


def _tar_members(data: bytes, budget: Budget) -> Iterator[Member]:
    """Read as a stream: one pass, no seeking back, so that offsets in the file cannot overlap."""
    with tarfile.open(fileobj=_Bounded(data, budget), mode="r|", errorlevel=2) as archive:
        for info in archive:
            name = info.name.removeprefix("./")
            if info.isdir() and name in ("", "."):
                continue
            budget.admit(name)
            if info.isdir():
                continue
            file = archive.extractfile(info) if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
            if file is None:
                raise _unsafe(f"{show(name)} is a link, a device or a sparse file")
            yield Member(name, budget.read(name, file))


class _Bounded(io.RawIOBase):
    """The tar stream, decompressed; it ends with a refusal where headers and members together expand too far."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__()
        source = io.BytesIO(data)
        self._file: Any = _decompressed(source, data)
        self._left = budget.most_stream

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes.

        Raises:
            IntakeError: ``DATASET_ARCHIVE_UNSAFE``.
        """
        data: bytes = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _unsafe("the archive expands to many times its size")
        return data


def _decompressed(source: io.BytesIO, data: bytes) -> Any:
    if data.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=source)
    if data.startswith(BZIP2_MAGIC):
        return bz2.BZ2File(source)
    return lzma.LZMAFile(source) if data.startswith(XZ_MAGIC) else source


def _unsafe(detail: str) -> IntakeError:
    return refuse(ErrorCode.DATASET_ARCHIVE_UNSAFE, detail, FLAT_ADVICE)
