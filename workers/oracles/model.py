"""One trunk that looks at the image (or the graph), one head per attribute."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.graphs.layers import GraphTrunk
from workers.graphs.packing import IMAGE_CHANNELS
from workers.oracles.config import OracleConfig
from workers.oracles.target import Column
from workers.tensors import require_shape

_CHUNK = 512
_GRID = 8
_WIDEST = 256


class Oracles(nn.Module):
    """Readers of attributes, trained on real labelled images and never on the classifier.

    Args:
        shape: ``(c, h, w)`` of the images, or of packed graphs, which have other channels than 1 or 3.
        columns: what to read.
        config: sizes; only ``channels`` and ``features`` are read.
    """

    def __init__(self, shape: tuple[int, int, int], columns: tuple[Column, ...], config: OracleConfig) -> None:
        super().__init__()
        self.shape, self.columns = shape, columns
        self.trunk = _trunk(shape, config)
        self.head = nn.Linear(config.features, sum(column.outputs for column in columns))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Raw outputs by column, ``(batch, column.outputs)``: standardised values, (cos, sin), or logits.

        Args:
            images: ``(batch, c, h, w)`` floats in [0, 1].

        Raises:
            ShapeError: the images have another shape.
        """
        require_shape("images", images, None, *self.shape)
        outputs = self.head(self.trunk(2 * images - 1)).float()
        parts = outputs.split([column.outputs for column in self.columns], dim=1)
        return {column.name: part for column, part in zip(self.columns, parts, strict=True)}

    @torch.no_grad()
    def read(self, images: Tensor | np.ndarray) -> dict[str, np.ndarray]:
        """What each attribute is on ``images``, by column name.

        Args:
            images: tensor ``(n, c, h, w)`` of floats in [0, 1], or array ``(n, h, w, c)`` of uint8.

        Returns:
            numeric ``(n,)`` in the attribute's units; circular ``(n, 2)`` (cos, sin), inside the unit disc: its length
            says how sure the reading is; categorical ``(n, n_categories)`` probabilities. float32.
        """
        device = self.head.weight.device
        chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
        outputs = [self(_floats(chunk, device)) for chunk in chunks]
        return {
            column.name: _in_units(column, torch.cat([output[column.name] for output in outputs]))
            for column in self.columns
        }


def _floats(images: Tensor | np.ndarray, device: torch.device) -> Tensor:
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    scaled = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    return scaled.to(device)


def _in_units(column: Column, outputs: Tensor) -> np.ndarray:
    if column.kind == "categorical":
        found = outputs.softmax(dim=1)
    elif column.kind == "circular":
        found = outputs / outputs.norm(dim=1, keepdim=True).clamp_min(1)
    else:
        found = outputs.squeeze(1) * column.scale + column.location
    return np.asarray(found.cpu().numpy())


class _PadTo(nn.Module):
    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, x: Tensor) -> Tensor:
        down, right = (-size % self.multiple for size in x.shape[-2:])
        return functional.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


class _OfGraphs(nn.Module):
    """:class:`workers.graphs.layers.GraphTrunk` of what :class:`Oracles` hands its trunk: channels first, -1..1."""

    def __init__(self, channels: int, config: OracleConfig) -> None:
        super().__init__()
        self.read = GraphTrunk(channels, config.features)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.read((x.permute(0, 2, 3, 1) + 1) / 2))


def _trunk(shape: tuple[int, int, int], config: OracleConfig) -> nn.Module:
    """Packed graphs by messages between their nodes, in whatever order; images by convolutions."""
    return _OfGraphs(shape[0], config) if shape[0] not in IMAGE_CHANNELS else _of_images(shape, config)


def _of_images(shape: tuple[int, int, int], config: OracleConfig) -> nn.Sequential:
    """Fold pixels into channels, halve until at most 8 cells wide, then mix everything densely (positions count)."""
    channels, height, width = shape
    fold = 2
    sizes = [config.channels]
    while max(height, width) > _GRID * fold * 2 ** (len(sizes) - 1):
        sizes.append(min(2 * sizes[-1], _WIDEST))
    stride = fold << (len(sizes) - 1)
    layers: list[nn.Module] = [_PadTo(stride), nn.PixelUnshuffle(fold)]
    layers += [nn.Conv2d(channels * fold**2, sizes[0], 3, padding=1), nn.SiLU()]
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
    cells = -(-height // stride) * -(-width // stride)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(cells * sizes[-1], config.features), nn.SiLU())
