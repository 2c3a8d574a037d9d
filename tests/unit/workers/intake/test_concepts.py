"""Intake of concepts: pairs and sketches, in arrays and in archives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.problems import ErrorCode
from tests.builders.archives import class_folders, image_bytes, npz_bytes, random_images, tar_bytes, zip_bytes
from tests.builders.random_graphs import graph_arrays
from workers.errors import IntakeError
from workers.evidence.graph_statistics import graph_statistics
from workers.evidence.statistics import STATISTICS
from workers.graphs.packing import pack
from workers.intake import DatasetCaps, ReferenceData, dump_dataset, load_dataset
from workers.intake.concepts import COUNTED, MEASURED, Examples, read_concepts
from workers.intake.datasets import inspect_dataset

SMALL = DatasetCaps(minimum_images=10, minimum_pairs=3)
N = 12
PAIRS = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
SKETCHES = random_images(2, 16, seed=5)


def inspect(data: bytes) -> tuple[DatasetFacts, ReferenceData]:
    facts, canonical = inspect_dataset(data, "upload", {}, SMALL)
    return facts, load_dataset(canonical)


def refusal(data: bytes, caps: DatasetCaps = SMALL) -> IntakeError:
    with pytest.raises(IntakeError) as caught:
        inspect_dataset(data, "upload", {}, caps)
    assert caught.value.advice
    assert caught.value.detail.isprintable()
    return caught.value


def table(*lines: str) -> dict[str, bytes]:
    return {"concepts.csv": "\n".join(["concept,file_a,file_b", *lines]).encode()}


FILES = class_folders(N)
NAMES = sorted(FILES)
LINES = [f"twins,{NAMES[a]},{NAMES[b]}" for a, b in PAIRS]
SKETCH_FILES = {f"concepts/{side}.png": image_bytes(image) for side, image in zip("ab", SKETCHES, strict=True)}


# arrays


def test_pairs_and_sketches_of_an_npz() -> None:
    facts, found = inspect(npz_bytes(images=random_images(N), pairs_twins=PAIRS.astype(np.uint16), sketch_hat=SKETCHES))
    assert [(c.name, c.definition, c.count) for c in facts.concepts] == [("twins", "pairs", 4), ("hat", "sketch", 1)]
    assert facts.attributes == []
    np.testing.assert_array_equal(found.concepts[0], PAIRS)
    assert found.concepts[0].dtype == np.int64
    assert (found.concepts[1].shape, found.concepts[1].dtype) == ((2, 8, 8, 3), np.uint8)


def test_sketches_of_the_right_size_are_kept_as_they_are() -> None:
    sketches = random_images(2, 8, seed=5)
    _, found = inspect(npz_bytes(images=random_images(N), sketch_hat=sketches))
    np.testing.assert_array_equal(found.concepts[0], sketches)


@pytest.mark.parametrize(("channels", "drawn"), [(1, (2, 9, 20, 3)), (3, (2, 9, 20)), (3, (2, 9, 20, 1))])
def test_sketches_get_the_channels_and_size_of_the_images(channels: int, drawn: tuple[int, ...]) -> None:
    sketches = np.zeros(drawn, np.uint8)
    sketches[1] = 200
    _, found = inspect(npz_bytes(images=random_images(N, channels=channels), sketch_hat=sketches))
    assert found.concepts[0].shape == (2, 8, 8, channels)
    assert (found.concepts[0][0] == 0).all()
    assert (found.concepts[0][1] == 200).all()


def test_a_column_may_be_called_like_a_concept_array() -> None:
    facts, _ = inspect(npz_bytes(images=random_images(N), pairs_of_shoes=np.arange(N) / 3))
    assert [a.name for a in facts.attributes] == ["pairs_of_shoes"]
    assert facts.concepts == []


@pytest.mark.parametrize(
    "arrays",
    [
        {"pairs_a": np.array([[0, 1], [2, 3]])},
        {"pairs_a": PAIRS[:, :1]},
        {"pairs_a": PAIRS.astype(float)},
        {"pairs_a": PAIRS - 1},
        {"pairs_a": PAIRS + 5},
        {"pairs_a": PAIRS.astype(np.uint64) + np.uint64(2**63)},
        {"pairs_a": np.array([[0, 1], [2, 3], [4, 4]])},
        {"pairs_a": np.array([[0, 1], [2, 3], [1, 0]])},
        {"pairs_a": PAIRS, "sketch_a": SKETCHES},
        {"pairs_a": PAIRS, "a": np.arange(N)},
        {"pairs_a": PAIRS, "a": np.ones(N)},
        {"pairs_label": PAIRS},
        {"pairs_": PAIRS},
        {"pairs_ a": PAIRS},
        {"pairs_" + "a" * 201: PAIRS},
        {"sketch_a": SKETCHES[:1]},
        {"sketch_a": SKETCHES.astype(np.float32)},
        {"sketch_a": SKETCHES[..., :2]},
        {"sketch_a": SKETCHES[:, :3]},
        {"sketch_a": np.stack([SKETCHES[0]] * 2)},
        {f"pairs_{i}": PAIRS for i in range(33)},
    ],
)
def test_unusable_concepts(arrays: dict[str, Any]) -> None:
    assert refusal(npz_bytes(images=random_images(N), **arrays)).code is ErrorCode.DATASET_CONCEPTS_INVALID


@pytest.mark.parametrize("name", ["luminance", "hue", "rotation", "residual", "label", "codes", "logits"])
def test_a_concept_cannot_be_called_like_what_audits_call_so(name: str) -> None:
    """It would get the numbers of the other."""
    error = refusal(npz_bytes(images=random_images(N), **{f"pairs_{name}": PAIRS}))
    assert error.code is ErrorCode.DATASET_CONCEPTS_INVALID
    assert name in error.detail


def test_too_few_pairs_by_default() -> None:
    pairs = np.array([[0, i] for i in range(1, 20)])
    data = npz_bytes(images=random_images(30), pairs_twins=pairs)
    error = refusal(data, DatasetCaps(minimum_images=10))
    assert error.code is ErrorCode.DATASET_CONCEPTS_INVALID
    assert "19 pairs" in error.detail


# archives


@pytest.mark.parametrize("prefix", ["", "data/"])
def test_concepts_of_an_archive(prefix: str) -> None:
    lines = table(*LINES, "hat, ./concepts/a.png, concepts/b.png")
    files = {f"{prefix}{name}": data for name, data in {**FILES, **SKETCH_FILES, **lines}.items()}
    facts, found = inspect(tar_bytes(dict(reversed(files.items()))))
    assert facts.images == N
    assert facts.classes == ["cat", "dog"]
    assert [(c.name, c.definition) for c in facts.concepts] == [("twins", "pairs"), ("hat", "sketch")]
    np.testing.assert_array_equal(found.concepts[0], PAIRS)
    assert found.concepts[1].shape == (2, 8, 8, 3)
    assert abs(found.concepts[1].mean() - SKETCHES.mean()) < 5


def test_sketches_need_no_row_of_attributes() -> None:
    rows = "".join(f"{name},{i / 2}\n" for i, name in enumerate(NAMES))
    files = FILES | SKETCH_FILES | table("hat,concepts/a.png,concepts/b.png")
    facts, _ = inspect(zip_bytes(files | {"attributes.csv": f"file,x\n{rows}".encode()}))
    assert [a.name for a in facts.attributes] == ["x"]


def test_without_a_table_the_folder_is_a_class() -> None:
    facts, _ = inspect(zip_bytes(FILES | SKETCH_FILES))
    assert (facts.images, facts.classes) == (N + 2, ["cat", "concepts", "dog"])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        LINES,
        ["hat,concepts/a.png,concepts/a.png"],
        ["hat,concepts/a.png,concepts/nowhere.png"],
        [f"hat,concepts/a.png,{NAMES[0]}"],
        ["hat,concepts/a.png,concepts/b.png"] * 2,
        [*LINES, "twins,concepts/a.png,concepts/b.png"],
        LINES[:2],
        [*LINES, LINES[0]],
        [*LINES, f"twins,{NAMES[1]},{NAMES[0]}"],
        ["hat,concepts/a.png"],
        ["hat" * 70 + ",concepts/a.png,concepts/b.png"],
    ],
)
def test_unusable_tables_of_concepts(lines: list[str]) -> None:
    assert refusal(zip_bytes(FILES | SKETCH_FILES | table(*lines))).code is ErrorCode.DATASET_CONCEPTS_INVALID


def test_two_tables_or_another_header() -> None:
    twice = FILES | table(*LINES) | {"cat/concepts.csv": b"concept,file_a,file_b\n"}
    assert refusal(zip_bytes(twice)).code is ErrorCode.DATASET_CONCEPTS_INVALID
    other = FILES | {"concepts.csv": b"file_a,file_b,concept\nx,y,z\n"}
    assert refusal(zip_bytes(other)).code is ErrorCode.DATASET_CONCEPTS_INVALID


def test_a_sketch_that_is_no_image() -> None:
    files = FILES | SKETCH_FILES | {"concepts/b.png": b"<svg/>"} | table("hat,concepts/a.png,concepts/b.png")
    assert refusal(zip_bytes(files)).code is ErrorCode.DATASET_IMAGE_UNREADABLE


# properties


@st.composite
def pair_arrays(draw: st.DrawFn) -> NDArray[np.int64]:
    rows = draw(st.lists(st.tuples(st.integers(-1, N), st.integers(-1, N)), min_size=3, max_size=12))
    return np.array(rows, dtype=np.int64)


@settings(max_examples=200, deadline=None)
@given(pair_arrays())
def test_pairs_are_accepted_exactly_when_they_are_sound(pairs: NDArray[np.int64]) -> None:
    unordered = {frozenset(row) for row in pairs.tolist()}
    sound = pairs.min() >= 0 and pairs.max() < N and all(len(pair) == 2 for pair in unordered)
    sound = sound and len(unordered) == len(pairs)
    try:
        concepts = read_concepts({"a": Examples("pairs", pairs)}, random_images(N), [], SMALL)
    except IntakeError:
        assert not sound
    else:
        assert sound
        np.testing.assert_array_equal(concepts.values[0], pairs)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), max_size=13), st.integers(0, 2))
def test_canonical_round_trip_in_any_order(kinds: list[bool], columns: int) -> None:
    concepts = tuple(PAIRS + i if pairs else random_images(2, seed=i) for i, pairs in enumerate(kinds))
    data = ReferenceData(random_images(3), None, tuple(np.random.default_rng(0).random((columns, 3))), concepts)
    found = load_dataset(dump_dataset(data))
    assert len(found.concepts) == len(concepts)
    for a, b in zip(found.concepts, concepts, strict=True):
        np.testing.assert_array_equal(a, b)
    assert dump_dataset(found) == dump_dataset(data)


def test_vectors_cannot_be_declared() -> None:
    with pytest.raises(ValidationError):
        AttributeSpec.model_validate({"kind": "vector"})


def test_reserved_names_are_those_of_what_is_measured() -> None:
    assert {one.name for one in STATISTICS} == MEASURED
    arrays = graph_arrays(20)
    packed = pack(arrays["nodes"], arrays["adjacency"], arrays["mask"])
    counts = {
        one.name for one in graph_statistics(packed) if not one.name.startswith(("share of ", "mean of ", "mean node"))
    }
    assert counts == COUNTED
