"""Intake of one data set: ``.npz`` arrays of images or graphs, or image files in an archive. Runs in the sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.graphs import GraphFacts
from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .archives import Member, is_tar, is_zip, members
from .attribute_table import TABLE, read_table
from .attributes import encode_categories, read_attributes
from .concept_table import FOLDER as SKETCHES
from .concept_table import TABLE as CONCEPT_TABLE
from .concept_table import read_concept_table
from .concepts import Examples, read_concepts, take_concepts
from .graph_arrays import has_graphs, take_graphs
from .images import SMALLEST_SIDE, decode_images
from .limits import DatasetCaps
from .npz import is_npz, read_npz
from .reference import ReferenceData, dump_dataset, load_dataset
from .refusals import refuse, show

LITTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
MOST_CLASSES = 100_000
FORMAT_ADVICE = "Upload an .npz, or a .zip or .tar of JPEG, PNG or WebP files in class folders."
ARRAY_ADVICE = "Store images as uint8 with the shape [n, height, width, channels] or [n, height, width]."
LABEL_ADVICE = "Give every image one class: integers from 0 on, or names."

__all__ = ["inspect_dataset", "inspect_guest", "load_dataset"]


@dataclass(frozen=True)
class Raw:
    """What a file held, before columns are interpreted. ``labels`` are integers or text; ``graph``: images are packed
    graphs.
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any] | None
    columns: dict[str, NDArray[Any]]
    concepts: dict[str, Examples]
    notes: list[str] = field(default_factory=list)
    graph: GraphFacts | None = None


def inspect_guest(files: dict[str, bytes], arguments: dict[str, Any]) -> tuple[Any, dict[str, bytes]]:
    """:func:`inspect_dataset` as the sandbox calls it."""
    declared = {name: AttributeSpec.model_validate(spec) for name, spec in arguments["declared"].items()}
    caps = DatasetCaps(**arguments["caps"])
    facts, canonical = inspect_dataset(files["dataset"], arguments["filename"], declared, caps)
    return facts.model_dump(mode="json"), {"canonical": canonical}


def inspect_dataset(
    data: bytes, filename: str, declared: Mapping[str, AttributeSpec], caps: DatasetCaps | None = None
) -> tuple[DatasetFacts, bytes]:
    """Facts about the data set in ``data``, and its canonical copy.

    The format is read from the bytes; ``filename`` only appears in refusals.

    Raises:
        IntakeError: the file is refused; every ``DATASET_*`` code.
    """
    caps = caps or DatasetCaps()
    raw = _read(data, filename, caps)
    labels, classes = _labels(raw.labels)
    attributes = read_attributes(raw.columns, declared, caps)
    concepts = read_concepts(raw.concepts, raw.images, raw.columns, caps)
    canonical = dump_dataset(ReferenceData(raw.images, labels, tuple(attributes.values), tuple(concepts.values)))
    count, height, width, channels = raw.images.shape
    facts = DatasetFacts(
        kind="images" if raw.graph is None else "graphs",
        graph=raw.graph,
        canonical_digest=hashlib.sha256(canonical).hexdigest(),
        images=count,
        height=height,
        width=width,
        channels=channels,
        labelled=labels is not None,
        classes=classes,
        attributes=attributes.facts,
        concepts=concepts.facts,
        notes=raw.notes + attributes.notes,
    )
    return facts, canonical


def _read(data: bytes, filename: str, caps: DatasetCaps) -> Raw:
    if is_zip(data) and is_npz(data):
        arrays = read_npz(data, caps)
        return _from_graphs(arrays, caps) if has_graphs(arrays) else _from_arrays(arrays, caps)
    if is_zip(data) or is_tar(data):
        return _from_files(data, caps)
    detail = f"{show(filename)} is neither an .npz, a zip nor a tar file"
    raise refuse(ErrorCode.DATASET_UNREADABLE, detail, FORMAT_ADVICE)


def _from_arrays(arrays: dict[str, NDArray[Any]], caps: DatasetCaps) -> Raw:
    images = arrays.pop("images", None)
    if images is None:
        names = ", ".join(show(name) for name in list(arrays)[:8])
        raise refuse(ErrorCode.DATASET_UNREADABLE, f"there is no array images, only {names}", ARRAY_ADVICE)
    images = images[..., None] if images.ndim == 3 else images
    _check_images(images, caps)
    concepts = take_concepts(arrays)
    _check_columns(arrays, len(images), "image")
    return Raw(images, arrays.pop("labels", None), arrays, concepts)


def _from_graphs(arrays: dict[str, NDArray[Any]], caps: DatasetCaps) -> Raw:
    found = take_graphs(arrays, caps)
    concepts = take_concepts(arrays)
    _check_columns(arrays, len(found.packed), "graph")
    return Raw(found.packed, arrays.pop("labels", None), arrays, concepts, found.notes, found.facts)


def _check_columns(arrays: dict[str, NDArray[Any]], count: int, what: str) -> None:
    for name, column in arrays.items():
        if column.shape != (count,):
            detail = f"array {show(name)} has the shape {list(column.shape)} beside {count} {what}s"
            raise refuse(ErrorCode.DATASET_ATTRIBUTES_INVALID, detail, f"Store columns with one entry per {what}.")


def _check_images(images: NDArray[Any], caps: DatasetCaps) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        detail = f"images has the type {images.dtype} and the shape {list(images.shape)}"
        raise refuse(ErrorCode.DATASET_UNREADABLE, detail, f"{ARRAY_ADVICE} Channels are 1 or 3.")
    _check_count(len(images), caps)
    height, width = images.shape[1:3]
    if not SMALLEST_SIDE <= min(height, width) <= max(height, width) <= caps.side:
        detail = f"the images have {width} x {height} pixels"
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, f"Sides from {SMALLEST_SIDE} to {caps.side} are accepted.")


def _check_count(count: int, caps: DatasetCaps) -> None:
    if count < caps.minimum_images:
        detail = f"there are {count} images, fewer than {caps.minimum_images}"
        raise refuse(ErrorCode.DATASET_TOO_SMALL, detail, "Upload more images: verdicts need evidence.")
    if count > caps.images:
        detail = f"there are {count} images, more than {caps.images}"
        raise refuse(ErrorCode.DATASET_TOO_LARGE, detail, "Upload a random sample of them.")


def _from_files(data: bytes, caps: DatasetCaps) -> Raw:
    found = [member for member in members(data, caps) if not _litter(member.name)]
    table, found = _pick(found, TABLE, ErrorCode.DATASET_ATTRIBUTES_INVALID)
    concept_table, found = _pick(found, CONCEPT_TABLE, ErrorCode.DATASET_CONCEPTS_INVALID)
    sketches = _sketches(found, concept_table)
    aside = {member.name for member in sketches.values()}
    images = sorted((member for member in found if member.name not in aside), key=lambda member: member.name)
    _check_count(len(images), caps)
    names = _relative(images, table)
    columns = {} if table is None else read_table(table.data, names, caps)
    pixels, notes = decode_images(images, caps)
    concepts = {}
    if concept_table is not None:
        concepts = read_concept_table(concept_table.data, _relative(images, concept_table), sketches, caps)
    labels = columns.pop("label", None)
    return Raw(pixels, _folders(names) if labels is None else labels, columns, concepts, notes)


def _pick(found: list[Member], name: str, code: ErrorCode) -> tuple[Member | None, list[Member]]:
    """The one member whose file name is ``name``, if any, and the others.

    Raises:
        IntakeError: ``code``: there are several.
    """
    picked = [member for member in found if PurePosixPath(member.name).name == name]
    if len(picked) > 1:
        raise refuse(code, f"there are {len(picked)} files {name}", "Keep one.")
    return next(iter(picked), None), [member for member in found if member not in picked]


def _sketches(found: list[Member], table: Member | None) -> dict[str, Member]:
    """Members of the folder of sketches beside ``table``, by their names in it."""
    if table is None:
        return {}
    named = zip(_relative(found, table), found, strict=True)
    return {name: member for name, member in named if name.startswith(SKETCHES)}


def _litter(name: str) -> bool:
    """What file managers leave behind."""
    parts = PurePosixPath(name).parts
    return parts[-1].startswith(".") or not LITTER.isdisjoint(parts)


def _relative(images: list[Member], table: Member | None) -> list[str]:
    """Names as the table gives them: from its own folder."""
    folder = "" if table is None else table.name.removesuffix(PurePosixPath(table.name).name)
    return [image.name.removeprefix(folder) for image in images]


def _folders(names: list[str]) -> NDArray[Any] | None:
    """The folder of each file as its class; ``None`` unless there are several folders. Number names are the numbers."""
    folders = [PurePosixPath(name).parent.name for name in names]
    if not all(folders) or len(set(folders)) < 2:
        return None
    if all(folder.isascii() and folder.isdigit() and len(folder) <= 6 for folder in folders):
        return np.array([int(folder) for folder in folders])
    return np.array(folders)


def _labels(labels: NDArray[Any] | None) -> tuple[NDArray[np.int64] | None, list[str] | None]:
    """Class indices, and class names when the labels are names (indices in sorted order)."""
    if labels is None:
        return None, None
    if labels.dtype.kind in "US":
        return encode_categories(labels)
    if labels.dtype.kind not in "iu":
        raise _invalid_labels(f"the labels have the type {labels.dtype}")
    if labels.min() < 0 or labels.max() >= MOST_CLASSES:
        raise _invalid_labels(f"the labels run from {labels.min()} to {labels.max()}")
    return labels.astype(np.int64), None


def _invalid_labels(detail: str) -> IntakeError:
    return refuse(ErrorCode.DATASET_ATTRIBUTES_INVALID, detail, LABEL_ADVICE)
