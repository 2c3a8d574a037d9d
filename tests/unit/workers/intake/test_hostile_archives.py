"""Archives made to do harm."""

from __future__ import annotations

import gzip
import io
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.problems import ErrorCode
from tests.builders.archives import class_folders, image_bytes, npz_bytes, random_images, tar_bytes, zip_bytes
from workers.errors import IntakeError
from workers.intake import DatasetCaps
from workers.intake.datasets import inspect_dataset

CAPS = DatasetCaps(minimum_images=10, members=50, member_bytes=2**20, decoded_bytes=2**24, ratio=50.0, free_bytes=2**16)


def code_of(data: bytes, caps: DatasetCaps = CAPS) -> ErrorCode:
    with pytest.raises(IntakeError) as caught:
        inspect_dataset(data, "upload", {}, caps)
    return caught.value.code


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "a\\..\\evil.png", "./x/./y.png", "a//b.png",
     "a/\x00.png", "x" * 600 + ".png"],
)  # fmt: skip
def test_names_that_leave_the_folder(name: str) -> None:
    picture = image_bytes(random_images(1)[0])
    assert (
        code_of(tar_bytes(class_folders() | {name.replace("\x00", "\n"): picture})) is ErrorCode.DATASET_ARCHIVE_UNSAFE
    )
    if "\x00" not in name:
        assert code_of(zip_bytes(class_folders() | {name: picture})) is ErrorCode.DATASET_ARCHIVE_UNSAFE


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_tar_links_and_devices(kind: bytes) -> None:
    info = tarfile.TarInfo("cat/link.png")
    info.type = kind
    info.linkname = "/etc/passwd"
    assert code_of(tar_bytes(class_folders(), extra=(info,))) in (
        ErrorCode.DATASET_ARCHIVE_UNSAFE,
        ErrorCode.DATASET_UNREADABLE,
    )


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_zip_links_and_devices(mode: int) -> None:
    buffer = io.BytesIO(zip_bytes(class_folders()))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo("cat/link.png")
        info.create_system, info.external_attr = 3, (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert code_of(buffer.getvalue()) is ErrorCode.DATASET_ARCHIVE_UNSAFE


@pytest.mark.parametrize("name", ["inner.zip", "a/inner.tar.gz", "x.npz", "x.7z", "X.ZIP"])
def test_archives_inside(name: str) -> None:
    assert code_of(zip_bytes(class_folders() | {name: b"PK"})) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def test_a_bomb_of_zeros() -> None:
    bomb = {f"{i}.png": bytes(2**20) for i in range(12)}
    assert code_of(zip_bytes(bomb)) is ErrorCode.DATASET_ARCHIVE_UNSAFE
    assert code_of(tar_bytes(bomb, "w:gz")) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def test_one_member_beyond_the_cap() -> None:
    noise = np.random.default_rng(0).bytes(2**20 + 1)
    assert code_of(zip_bytes(class_folders() | {"big.png": noise})) is ErrorCode.DATASET_TOO_LARGE


def test_a_member_that_lies_about_its_size() -> None:
    """The directory says ten bytes, the stream holds a megabyte: no more than announced is ever taken."""
    data = bytearray(zip_bytes(class_folders() | {"z.png": bytes(2**20)}))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 10)
    assert code_of(bytes(data)) in (ErrorCode.DATASET_UNREADABLE, ErrorCode.DATASET_IMAGE_UNREADABLE)


def test_overlapping_members() -> None:
    """Many directory entries for one compressed stream (a zip bomb without recursion)."""
    kernel = zlib.compress(bytes(2**19))[2:-4]
    crc = zlib.crc32(bytes(2**19))
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(kernel), 2**19, 5, 0) + b"0.png" + kernel
    directory = b""
    for i in range(40):
        name = f"{i}.png".encode()
        directory += (
            struct.pack(
                "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, crc, len(kernel), 2**19, len(name), 0, 0, 0, 0, 0, 0
            )
            + name
        )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 40, 40, len(directory), len(local), 0)
    assert code_of(local + directory + end) in (ErrorCode.DATASET_ARCHIVE_UNSAFE, ErrorCode.DATASET_UNREADABLE)


def test_too_many_members() -> None:
    assert code_of(zip_bytes({f"{i}.png": b"" for i in range(51)})) is ErrorCode.DATASET_TOO_LARGE


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice() -> None:
    buffer = io.BytesIO(zip_bytes(class_folders()))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("cat/001.png", b"other")
    assert code_of(buffer.getvalue()) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def test_encrypted_and_exotic_members() -> None:
    data = bytearray(zip_bytes(class_folders()))
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1
    assert code_of(bytes(data)) is ErrorCode.DATASET_ARCHIVE_UNSAFE
    assert code_of(zip_bytes(class_folders(), zipfile.ZIP_LZMA)) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def test_polyglots_are_not_taken_for_archives() -> None:
    archive = zip_bytes(class_folders())
    for front in (b"GIF89a", b"%PDF-1.7\n", b"#!/bin/sh\n", b"\x80\x04"):
        assert code_of(front + archive) is ErrorCode.DATASET_UNREADABLE


def test_an_image_with_an_archive_behind_it_is_only_an_image() -> None:
    files = class_folders()
    files["cat/001.png"] += zip_bytes({"../evil": b"x"})
    facts, _ = inspect_dataset(zip_bytes(files), "upload", {}, CAPS)
    assert facts.images == 12


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    objects = np.empty(12, dtype=object)
    objects[:] = [Evil(target)] * 12
    assert code_of(npz_bytes(images=random_images(), a=objects)) is ErrorCode.DATASET_OBJECT_ARRAY
    assert code_of(pickle.dumps(Evil(target))) is ErrorCode.DATASET_UNREADABLE
    assert code_of(zip_bytes({"images.npy": pickle.dumps(Evil(target))})) is ErrorCode.DATASET_UNREADABLE
    records = np.zeros(12, dtype=[("x", object)])
    assert code_of(npz_bytes(images=random_images(), a=records)) is ErrorCode.DATASET_OBJECT_ARRAY
    assert not target.exists()


@pytest.mark.parametrize("dtype", ["M8[s]", "V8", "c16", [("x", "<f8")]])
def test_types_that_are_no_attributes(dtype: Any) -> None:
    assert code_of(npz_bytes(images=random_images(), a=np.zeros(12, dtype))) is ErrorCode.DATASET_UNREADABLE


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text.encode("latin1")


@pytest.mark.parametrize(
    ("shape", "dtype", "code"),
    [
        ((2**62, 4), "<f8", ErrorCode.DATASET_TOO_LARGE),
        ((2**40,), "|u1", ErrorCode.DATASET_TOO_LARGE),
        ((-1, 8, 8), "|u1", ErrorCode.DATASET_TOO_LARGE),
        ((0, 2**60), "|u1", ErrorCode.DATASET_TOO_LARGE),
        ((100, 8, 8), "|u1", ErrorCode.DATASET_UNREADABLE),
        ((1,) * 70, "|u1", ErrorCode.DATASET_UNREADABLE),
        ((2**20,), "<U1000000", ErrorCode.DATASET_TOO_LARGE),
    ],
)
def test_headers_that_promise_too_much(shape: tuple[int, ...], dtype: str, code: ErrorCode) -> None:
    text = str({"descr": dtype, "fortran_order": False, "shape": shape})
    assert code_of(zip_bytes({"images.npy": header(text) + b"x"})) is code


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        header("{" * 5000),
        header("__import__('os').abort()"),
        header(" " * 60_000),
        header("(" * 4_000 + ")" * 4_000),
        header("9" * 9_000),
        header(str({"descr": "<f8", "fortran_order": 7, "shape": (1,)})),
        header(str({"descr": "<f8", "fortran_order": False, "shape": (1.5,)})),
        header(str({"descr": ["<f8"], "fortran_order": False, "shape": (1,)})),
        header("{}", (9, 9)),
    ],
)
def test_broken_headers(content: bytes) -> None:
    assert code_of(zip_bytes({"images.npy": content})) is ErrorCode.DATASET_UNREADABLE


def test_an_array_that_expands_too_far() -> None:
    assert code_of(npz_bytes(images=np.zeros((2000, 64, 64), np.uint8))) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 1), (5000, 5000), (1, 1), (8, 8)])
def test_images_that_announce_too_much(size: tuple[int, int]) -> None:
    files = class_folders() | {"cat/bomb.png": png_header(*size)}
    assert code_of(zip_bytes(files)) is ErrorCode.DATASET_IMAGE_UNREADABLE


def test_a_png_with_a_bomb_of_text() -> None:
    """A compressed comment that expands to many megabytes is Pillow's to refuse, and stays a refusal."""
    text = b"k\x00\x00" + zlib.compress(bytes(2**25), 9)
    comment = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    picture = image_bytes(random_images(1)[0])
    files = class_folders() | {"cat/text.png": picture[:33] + comment + picture[33:]}
    assert code_of(zip_bytes(files)) is ErrorCode.DATASET_IMAGE_UNREADABLE


def test_a_tar_header_that_is_a_bomb() -> None:
    """A pax header of gigabytes, which tarfile would read whole before anybody is asked."""
    block = bytearray(tarfile.TarInfo("x").tobuf())
    block[124:136] = f"{2**32:o}".rjust(11, "0").encode() + b"\0"
    block[156:157] = b"x"
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}".encode() + b"\0 "
    data = gzip.compress(bytes(block) + bytes(2**25))
    assert code_of(data) is ErrorCode.DATASET_ARCHIVE_UNSAFE


def test_gzip_of_garbage() -> None:
    assert code_of(gzip.compress(b"garbage" * 100)) is ErrorCode.DATASET_UNREADABLE
