"""Intake of data sets: formats, columns, images, and the canonical copy."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from schemas.datasets import AttributeSpec, DatasetFacts
from schemas.problems import ErrorCode
from schemas.results import FeatureKind
from tests.builders.archives import class_folders, image_bytes, npz_bytes, random_images, tar_bytes, zip_bytes
from workers.errors import IntakeError
from workers.intake import DatasetCaps, ReferenceData, dump_dataset, intake_dataset, load_dataset
from workers.intake.datasets import inspect_dataset

SMALL = DatasetCaps(minimum_images=10)
N = 12


def inspect(data: bytes, **declared: AttributeSpec) -> tuple[DatasetFacts, ReferenceData]:
    facts, canonical = inspect_dataset(data, "upload", declared, SMALL)
    assert facts.canonical_digest == hashlib.sha256(canonical).hexdigest()
    return facts, load_dataset(canonical)


def code_of(data: bytes, caps: DatasetCaps = SMALL, **declared: AttributeSpec) -> ErrorCode:
    with pytest.raises(IntakeError) as caught:
        inspect_dataset(data, "upload", declared, caps)
    assert caught.value.advice
    assert caught.value.detail.isprintable()
    return caught.value.code


# npz


def test_npz_round_trip() -> None:
    images, labels = random_images(N), np.arange(N) % 3
    hue = np.linspace(-0.5, 1.4, N)
    data = npz_bytes(images=images, labels=labels, hue=hue, size=np.arange(N) * 1.5)
    facts, found = inspect(data, hue=AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0))
    np.testing.assert_array_equal(found.images, images)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.columns[0], np.mod(hue, 1.0))
    np.testing.assert_array_equal(found.columns[1], np.arange(N) * 1.5)
    assert [(a.name, a.kind, a.period) for a in facts.attributes] == [
        ("hue", FeatureKind.CIRCULAR, 1.0),
        ("size", FeatureKind.NUMERIC, None),
    ]
    assert (facts.images, facts.height, facts.width, facts.channels, facts.labelled) == (N, 8, 8, 3, True)


def test_grey_npz_without_labels() -> None:
    facts, found = inspect(npz_bytes(images=random_images(N, channels=1)[..., 0]))
    assert facts.channels == 1
    assert found.images.shape == (N, 8, 8, 1)
    assert found.labels is None
    assert not facts.labelled


@pytest.mark.parametrize("dtype", [">i4", "u1", "<i8", ">u2"])
def test_labels_of_any_integer_type(dtype: str) -> None:
    labels = (np.arange(N) % 4).astype(dtype)
    _, found = inspect(npz_bytes(images=random_images(N), labels=labels))
    assert found.labels is not None
    assert found.labels.dtype == np.int64
    np.testing.assert_array_equal(found.labels, np.arange(N) % 4)


def test_fortran_order_is_understood() -> None:
    images = random_images(N)
    _, found = inspect(npz_bytes(images=np.asfortranarray(images)))
    np.testing.assert_array_equal(found.images, images)


def test_named_labels_become_indices() -> None:
    facts, found = inspect(npz_bytes(images=random_images(N), labels=np.array(["b", "a", "c"] * 4)))
    assert facts.classes == ["a", "b", "c"]
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 2] * 4


@pytest.mark.parametrize(
    ("column", "kind", "categories"),
    [
        (np.arange(N) % 3, FeatureKind.CATEGORICAL, ["0", "1", "2"]),
        (np.arange(N) % 2 == 0, FeatureKind.CATEGORICAL, ["False", "True"]),
        (np.array(["x", "y"] * 6), FeatureKind.CATEGORICAL, ["x", "y"]),
        (np.array([b"x", b"y"] * 6), FeatureKind.CATEGORICAL, ["x", "y"]),
        (np.arange(N) / 7, FeatureKind.NUMERIC, None),
        ((np.arange(N) % 2).astype(np.float32), FeatureKind.NUMERIC, None),
    ],
)
def test_kinds_are_inferred(column: Any, kind: FeatureKind, categories: list[str] | None) -> None:
    facts, found = inspect(npz_bytes(images=random_images(N), a=column))
    assert (facts.attributes[0].kind, facts.attributes[0].categories) == (kind, categories)
    if categories is None:
        np.testing.assert_allclose(found.columns[0], column)
    else:
        decoded = [categories[int(code)] for code in found.columns[0]]
        assert decoded == [v.decode() if isinstance(v, bytes) else str(v) for v in column]


def test_many_integers_are_numbers() -> None:
    facts, _ = inspect(npz_bytes(images=random_images(30), year=np.arange(1990, 2020)))
    assert facts.attributes[0].kind is FeatureKind.NUMERIC


def test_integer_categories_keep_the_order_of_numbers() -> None:
    facts, _ = inspect(npz_bytes(images=random_images(N), a=np.array([10, 9, 2] * 4)))
    assert facts.attributes[0].categories == ["2", "9", "10"]


def test_a_declared_kind_wins() -> None:
    data = npz_bytes(images=random_images(N), a=np.arange(N) % 3)
    facts, _ = inspect(data, a=AttributeSpec(kind=FeatureKind.NUMERIC))
    assert facts.attributes[0].kind is FeatureKind.NUMERIC


def test_constant_columns_are_left_out_with_a_note() -> None:
    facts, found = inspect(npz_bytes(images=random_images(N), a=np.ones(N), b=np.arange(N) / 5))
    assert [a.name for a in facts.attributes] == ["b"]
    assert len(found.columns) == 1
    assert "'a'" in facts.notes[0]


def test_identifiers_are_left_out_with_a_note() -> None:
    names = np.array([f"patient {i}" for i in range(300)])
    facts, _ = inspect(npz_bytes(images=random_images(300), patient=names))
    assert facts.attributes == []
    assert "300 categories" in facts.notes[0]


@pytest.mark.parametrize(
    ("arrays", "declared"),
    [
        ({"a": np.array([np.nan] + [1.0] * (N - 1))}, {}),
        ({"a": np.array([np.inf] + [1.0] * (N - 1))}, {}),
        ({"a": np.arange(N + 1)}, {}),
        ({"a": np.zeros((N, 2))}, {}),
        ({" a": np.arange(N)}, {}),
        ({"a" * 201: np.arange(N)}, {}),
        ({"a": np.arange(N)}, {"b": AttributeSpec(kind=FeatureKind.NUMERIC)}),
        ({"a": np.arange(N)}, {"a": AttributeSpec(kind=FeatureKind.CIRCULAR)}),
        ({"a": np.array(["x", "y"] * 6)}, {"a": AttributeSpec(kind=FeatureKind.NUMERIC)}),
        ({"labels": np.arange(N) - 1}, {}),
        ({"labels": np.arange(N) / 2}, {}),
        ({"labels": np.full(N, 2**40)}, {}),
    ],
)
def test_unusable_columns(arrays: dict[str, Any], declared: dict[str, AttributeSpec]) -> None:
    data = npz_bytes(images=random_images(N), **arrays)
    assert code_of(data, **declared) is ErrorCode.DATASET_ATTRIBUTES_INVALID


@pytest.mark.parametrize(
    ("images", "code"),
    [
        (np.zeros((N, 8, 8, 3), np.float32), ErrorCode.DATASET_UNREADABLE),
        (np.zeros((N, 8, 8, 2), np.uint8), ErrorCode.DATASET_UNREADABLE),
        (np.zeros((N, 8), np.uint8), ErrorCode.DATASET_UNREADABLE),
        (np.zeros((9, 8, 8), np.uint8), ErrorCode.DATASET_TOO_SMALL),
        (np.zeros((0, 8, 8), np.uint8), ErrorCode.DATASET_TOO_SMALL),
        (np.zeros((N, 2, 8), np.uint8), ErrorCode.DATASET_TOO_LARGE),
        (np.zeros((N, 8, 2000), np.uint8), ErrorCode.DATASET_TOO_LARGE),
    ],
)
def test_unusable_images(images: Any, code: ErrorCode) -> None:
    assert code_of(npz_bytes(images=images)) is code


def test_no_images_at_all() -> None:
    assert code_of(npz_bytes(pictures=random_images(N))) is ErrorCode.DATASET_UNREADABLE


# archives


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("pack", [zip_bytes, tar_bytes, lambda files: tar_bytes(files, "w:gz")])
def test_class_folders(kind: str, pack: Any) -> None:
    facts, found = inspect(pack(class_folders(N, kind=kind)))
    assert facts.classes == ["cat", "dog"]
    assert found.labels is not None
    assert found.labels.tolist() == [0] * 6 + [1] * 6
    assert found.images.shape == (N, 8, 8, 3)
    if kind == "PNG":
        np.testing.assert_array_equal(found.images[0], random_images(N)[1])  # cat/001 comes first


def test_number_folders_are_class_numbers() -> None:
    files = {f"{(3, 10)[i % 2]}/{i}.png": image_bytes(image) for i, image in enumerate(random_images(N))}
    facts, found = inspect(zip_bytes(files))
    assert facts.classes is None
    assert found.labels is not None
    assert set(found.labels.tolist()) == {3, 10}


def test_table_of_attributes() -> None:
    files = class_folders(N)
    rows = [f"{name},{i / 2},{'red' if i < 5 else 'blue'},{i % 2}" for i, name in enumerate(reversed(list(files)))]
    table = "\ufefffile,angle,colour,flag\r\n" + "\r\n".join(rows) + "\r\n"
    prefixed = {f"data/{name}": data for name, data in files.items()}
    facts, found = inspect(zip_bytes(prefixed | {"data/attributes.csv": table.encode(), "data/.DS_Store": b"x"}))
    assert [(a.name, a.kind.value) for a in facts.attributes] == [
        ("angle", "numeric"),
        ("colour", "categorical"),
        ("flag", "categorical"),
    ]
    by_name = {name: i / 2 for i, name in enumerate(reversed(list(files)))}
    assert found.columns[0].tolist() == [by_name[name] for name in sorted(files)]
    assert facts.classes == ["cat", "dog"]


def test_labels_of_the_table_win() -> None:
    files = class_folders(N)
    table = "file,label\n" + "".join(f"{name},{i % 3}\n" for i, name in enumerate(sorted(files)))
    facts, found = inspect(zip_bytes(files | {"attributes.csv": table.encode()}))
    assert found.labels is not None
    assert found.labels.tolist() == [i % 3 for i in range(N)]
    assert facts.attributes == []


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"name,x\n",
        b"file,x\n",
        b"file,x\ncat/001.png,1,2\n",
        b"file,file\n",
        b"file,x\n\xff\xfe\n",
        b'file,x\n"unclosed,1\n',
        b"file,x\n" + b"".join(b"nowhere%d.png,1\n" % i for i in range(N)),
        b"file,x\n" + b"".join(b"%s/%03d.png,\n" % (b"cat" if i % 2 else b"dog", i) for i in range(N)),
        b"file,x\n" + b"".join(b"%s/%03d.png,1\n" % (b"cat" if i % 2 else b"dog", i) for i in range(N)) * 2,
        b"file,x\n" + b"".join(b"%s/%03d.png,nan\n" % (b"cat" if i % 2 else b"dog", i) for i in range(N)),
        b"file,x\n" + b"a" * 5000 + b",1\n",
    ],
)
def test_unusable_tables(table: bytes) -> None:
    data = zip_bytes(class_folders(N) | {"attributes.csv": table})
    assert code_of(data) is ErrorCode.DATASET_ATTRIBUTES_INVALID


def test_images_of_different_sizes_get_the_most_common_one() -> None:
    files = class_folders(N) | {"cat/big.png": image_bytes(random_images(1, 32)[0])}
    facts, found = inspect(zip_bytes(files))
    assert found.images.shape == (N + 1, 8, 8, 3)
    assert "1 images were resized" in facts.notes[0]


def test_large_images_are_brought_down() -> None:
    data = image_bytes(random_images(1, 500)[0], "JPEG")
    facts, _ = inspect(zip_bytes({f"{i}.jpg": data for i in range(N)}))
    assert (facts.height, facts.width) == (224, 224)


def test_grey_files_are_one_channel() -> None:
    files = {f"{i}.png": image_bytes(image) for i, image in enumerate(random_images(N, channels=1))}
    assert inspect(zip_bytes(files))[0].channels == 1
    coloured = files | {"colour.png": image_bytes(random_images(1)[0])}
    assert inspect(zip_bytes(coloured))[0].channels == 3


def test_files_in_one_folder_have_no_labels() -> None:
    files = {f"images/{i}.png": image_bytes(image) for i, image in enumerate(random_images(N))}
    assert not inspect(zip_bytes(files))[0].labelled


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(50), b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"])
def test_members_that_are_no_images(data: bytes) -> None:
    assert code_of(zip_bytes(class_folders(N) | {"cat/odd.png": data})) is ErrorCode.DATASET_IMAGE_UNREADABLE


def test_formats_outside_the_list_are_not_decoded() -> None:
    for kind in ("GIF", "BMP", "TIFF", "PPM", "ICO"):
        files = class_folders(N) | {"cat/odd.png": image_bytes(random_images(1, 16)[0], kind)}
        assert code_of(zip_bytes(files)) is ErrorCode.DATASET_IMAGE_UNREADABLE


def test_truncated_images() -> None:
    whole = image_bytes(random_images(1, 64)[0])
    assert code_of(zip_bytes(class_folders(N) | {"cat/odd.png": whole[:-200]})) is ErrorCode.DATASET_IMAGE_UNREADABLE


# canonical copy and entry point


def test_the_same_content_has_the_same_bytes() -> None:
    first = inspect_dataset(zip_bytes(class_folders(N)), "a.zip", {}, SMALL)
    second = inspect_dataset(tar_bytes(dict(reversed(class_folders(N).items()))), "b.tar", {}, SMALL)
    assert first == second


def test_canonical_round_trip() -> None:
    data = ReferenceData(random_images(3), np.array([0, 1, 2]), tuple(np.random.default_rng(0).random((12, 3))))
    found = load_dataset(dump_dataset(data))
    np.testing.assert_array_equal(found.images, data.images)
    assert found.labels is not None
    np.testing.assert_array_equal(np.stack(found.columns), np.stack(data.columns))
    assert dump_dataset(found) == dump_dataset(data)


def test_canonical_files_load_with_plain_numpy() -> None:
    import io

    canonical = inspect_dataset(npz_bytes(images=random_images(N), labels=np.arange(N)), "a.npz", {}, SMALL)[1]
    with np.load(io.BytesIO(canonical), allow_pickle=False) as file:
        assert sorted(file.files) == ["images", "labels"]


def test_the_entry_point_agrees_with_the_inside() -> None:
    data = npz_bytes(images=random_images(N), hue=np.arange(N) / N)
    declared = {"hue": AttributeSpec(kind=FeatureKind.CIRCULAR, period=1.0)}
    assert intake_dataset(data, "a.npz", declared, caps=SMALL) == inspect_dataset(data, "a.npz", declared, SMALL)


def test_too_few_images_by_default() -> None:
    with pytest.raises(IntakeError) as caught:
        intake_dataset(npz_bytes(images=random_images(199)), "a.npz")
    assert caught.value.code is ErrorCode.DATASET_TOO_SMALL
    assert "199" in caught.value.detail
