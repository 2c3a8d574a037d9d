import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch

from workers.oracles import FittedOracles, OracleConfig, OracleTarget, fit_oracles, load, save, share_explained
from workers.oracles.config import OracleConfig as Config
from workers.oracles.model import Oracles
from workers.oracles.softening import soften
from workers.oracles.target import Column, describe, to_numbers
from workers.tensors import ShapeError
from workers.training.checkpoints import to_bytes

CONFIG = OracleConfig(channels=8, features=64, steps=150, batch=64, half=False)


def bars(n: int, seed: int = 0) -> tuple[np.ndarray, list[OracleTarget]]:
    """Upright (class 1) or lying (class 0) bars of any hue at any place: everything about them is known."""
    rng = np.random.default_rng(seed)
    place, hue, kind = rng.uniform(3, 12, n), rng.random(n) * 360, rng.integers(0, 2, n)
    profile = np.exp(-0.5 * ((np.arange(16) - place[:, None]) / 1.2) ** 2)
    grey = np.where(kind[:, None, None] == 1, profile[:, None, :], profile[:, :, None]) * np.ones((1, 16, 16))
    colour = np.array([colorsys.hsv_to_rgb(h / 360, 1, 1) for h in hue])
    images = (255 * grey[..., None] * colour[:, None, None]).astype(np.uint8)
    columns = [
        OracleTarget("place", "numeric", place),
        OracleTarget("hue", "circular", hue, period=360.0),
        OracleTarget("kind", "categorical", kind),
    ]
    return images, columns


@pytest.fixture(scope="module")
def fitted() -> FittedOracles:
    return fit_oracles(*bars(500), CONFIG, torch.Generator().manual_seed(0))


def test_planted_attributes_are_read_on_new_images(fitted: FittedOracles) -> None:
    images, (place, hue, kind) = bars(200, seed=7)
    found = fitted.read(images)
    assert np.corrcoef(found["place"], place.values)[0, 1] > 0.95
    assert abs(found["place"].mean() - place.values.mean()) < 0.6
    angle = 2 * np.pi * hue.values / 360
    assert (found["hue"][:, 0] * np.cos(angle) + found["hue"][:, 1] * np.sin(angle)).mean() > 0.85
    assert (found["kind"].argmax(1) == kind.values).mean() > 0.97


def test_quality_is_held_out_and_high(fitted: FittedOracles) -> None:
    assert set(fitted.quality) == {"place", "hue", "kind"}
    assert all(0.8 < value <= 1 for value in fitted.quality.values())


def test_blurred_images_are_read_too(fitted: FittedOracles) -> None:
    images, (_, _, kind) = bars(200, seed=7)
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    blurred = torch.nn.functional.avg_pool2d(floats, 3, stride=1, padding=1)
    assert (fitted.read(blurred)["kind"].argmax(1) == kind.values).mean() > 0.95


def test_bytes_and_floats_read_alike(fitted: FittedOracles) -> None:
    images = bars(30, seed=3)[0]
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for name, values in fitted.read(images).items():
        np.testing.assert_allclose(values, fitted.read(floats)[name], rtol=0, atol=1e-5)


def test_ranges(fitted: FittedOracles) -> None:
    found = fitted.read(np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    np.testing.assert_allclose(found["kind"].sum(1), 1, rtol=1e-5)
    assert (np.linalg.norm(found["hue"], axis=1) <= 1 + 1e-5).all()
    assert found["place"].shape == (40,)


def test_an_attribute_that_images_do_not_show_has_no_quality() -> None:
    images, columns = bars(300)
    noise = np.random.default_rng(5).normal(size=300)
    hidden = fit_oracles(
        images, [*columns, OracleTarget("hidden", "numeric", noise)], CONFIG, torch.Generator().manual_seed(0)
    )
    assert hidden.quality["hidden"] < 0.2


def test_save_and_load_bit_for_bit(fitted: FittedOracles) -> None:
    data = save(fitted)
    again = load(data)
    images = bars(20, seed=3)[0]
    for name, values in fitted.read(images).items():
        assert np.array_equal(values, again.read(images)[name])
    assert save(again) == data
    assert again.quality == fitted.quality
    with pytest.raises(ValueError, match="expected scotoma"):
        load(to_bytes({"a": torch.zeros(1)}, {"format": "other"}))


def test_same_seed_same_result() -> None:
    short = replace(CONFIG, steps=4)
    first, second = (fit_oracles(*bars(60), short, torch.Generator().manual_seed(3)) for _ in range(2))
    other = fit_oracles(*bars(60), short, torch.Generator().manual_seed(4))
    assert save(first) == save(second) != save(other)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 37, 50), (3, 224, 224)])
def test_any_size(shape: tuple[int, int, int]) -> None:
    columns = (Column("a", "numeric", 1), Column("b", "categorical", 3))
    found = Oracles(shape, columns, CONFIG)(torch.rand(2, *shape))
    assert found["a"].shape == (2, 1)
    assert found["b"].shape == (2, 3)


def test_gradients_reach_every_parameter() -> None:
    model = Oracles((3, 40, 40), (Column("a", "numeric", 1), Column("b", "circular", 2)), CONFIG)
    sum(part.square().sum() for part in model(torch.rand(3, 3, 40, 40)).values()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_wrong_image_shape_is_named(fitted: FittedOracles) -> None:
    with pytest.raises(ShapeError, match="images"):
        fitted.read(np.zeros((2, 16, 16, 1), np.uint8))


def test_numbers_of_each_kind() -> None:
    circular = OracleTarget("h", "circular", np.array([0.0, 90.0, 360.0]), period=360.0)
    expected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(to_numbers(describe(circular), circular.values), expected, atol=1e-6, rtol=0)
    numeric = OracleTarget("x", "numeric", np.array([1.0, 3.0]))
    torch.testing.assert_close(to_numbers(describe(numeric), numeric.values), torch.tensor([[-1.0], [1.0]]))
    labels = OracleTarget("y", "categorical", np.array([2, 0]), n_categories=4)
    assert to_numbers(describe(labels), labels.values).argmax(1).tolist() == [2, 0]
    assert describe(labels).outputs == 4


@pytest.mark.parametrize(
    "target",
    [
        OracleTarget("bad", "numeric", np.array([1.0, np.nan])),
        OracleTarget("bad", "numeric", np.zeros((2, 2))),
        OracleTarget("bad", "categorical", np.array([0, 5]), n_categories=3),
        OracleTarget("bad", "categorical", np.array([0, -1])),
        OracleTarget("bad", "categorical", np.array([0.5, 1])),
        OracleTarget("bad", "circular", np.array([0.0, 1.0]), period=0.0),
    ],
)
def test_impossible_targets_are_refused_by_name(target: OracleTarget) -> None:
    with pytest.raises(ValueError, match="'bad'"):
        describe(target)


def test_wrong_inputs_are_refused() -> None:
    images, columns = bars(20)
    with pytest.raises(ValueError, match="uint8"):
        fit_oracles(images / 255, columns, CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="at least one column"):
        fit_oracles(images, [], CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="own name"):
        fit_oracles(images, [columns[0], columns[0]], CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="19 values for 20"):
        fit_oracles(images, [replace(columns[0], values=columns[0].values[:19])], CONFIG, torch.Generator())
    with pytest.raises(ValueError, match="steps"):
        Config(steps=0)


def test_constant_column_is_harmless() -> None:
    images, columns = bars(40)
    constant = OracleTarget("same", "numeric", np.full(40, 3.0))
    found = fit_oracles(images, [constant, *columns], replace(CONFIG, steps=3), torch.Generator().manual_seed(0))
    assert found.quality["same"] == 0
    assert np.isfinite(found.read(images)["same"]).all()


def test_share_explained_in_closed_form() -> None:
    numeric = Column("x", "numeric", 1)
    truth = torch.tensor([[-1.0], [1.0]])
    assert share_explained(numeric, truth, truth) == pytest.approx(1)
    assert share_explained(numeric, torch.zeros(2, 1), truth) == pytest.approx(0)
    assert share_explained(numeric, 0.5 * truth, truth) == pytest.approx(0.75)
    classes = Column("y", "categorical", 2)
    assert share_explained(classes, torch.zeros(2, 2), torch.eye(2)) == pytest.approx(0)
    assert share_explained(classes, 50 * torch.eye(2), torch.eye(2)) == pytest.approx(1)
    circular = Column("h", "circular", 2)
    around = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert share_explained(circular, 9 * around, around) == pytest.approx(1)
    assert share_explained(circular, -around, around) == pytest.approx(-3)


def test_softening_stays_in_range_and_keeps_the_mean() -> None:
    images = torch.rand(6, 3, 12, 12)
    softened = soften(images, torch.Generator().manual_seed(0))
    assert softened.min() >= 0
    assert softened.max() <= 1
    assert not torch.equal(softened, images)
    torch.testing.assert_close(softened.mean((2, 3)), images.mean((2, 3)), atol=0.05, rtol=0)
