"""A user's own autoencoder as a codec: two ONNX files, and the units of the codes on the references."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.problems import ErrorCode
from workers.classifier.runtime import forward, input_dtype, open_session
from workers.errors import StageError
from workers.training.checkpoints import from_bytes, to_bytes

FORMAT = "scotoma.onnx_pair.1"
NOISE = 0.05
"""Standard deviation of every code, in units of its spread over the references.

An encoder that answers with one code per image gives no posterior, and a density of finitely many points has no upper
bound: this much noise (0.25 % of a code's variance) makes it one. It is also what the autoencoder's own floor is drawn
with, and small beside the noise of a fitted beta-VAE.
"""
DEAD = 1e-4
"""A dimension that spreads less than this share of the widest one carries nothing and is decoded at its mean."""

MOST_BATCH, MOST_VALUES = 256, 2**24
"""Images per forward pass, and pixel values of one pass: 64 MiB of float32."""


@dataclass(frozen=True)
class Units:
    """Of the raw codes ``(n, k)``: indices ``kept (d,)`` int64, and ``location (k,)``, ``scale (k,)`` float32."""

    kept: Tensor
    location: Tensor
    scale: Tensor


class OnnxCodec:
    """Encoder and decoder opened once; a :class:`workers.autoencoder.codec.Codec`.

    Args:
        encoder: canonical file from intake: images ``(n, c, h, w)`` to codes ``(n, k)``.
        decoder: canonical file from intake: codes ``(n, k)`` to images ``(n, c, h, w)``.
        value_range: the values of black and white in both.
        units: of the codes; :func:`units_of` over the references.

    Raises:
        StageError: ``MODEL_NOT_RUNNABLE``: ONNX Runtime cannot open a file.
    """

    def __init__(self, encoder: bytes, decoder: bytes, value_range: tuple[float, float], units: Units) -> None:
        self._encoder, self._decoder = _File(encoder, "encoder"), _File(decoder, "decoder")
        self._range, self._units = value_range, units

    def encode(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Standardised codes, and ``NOISE`` for each."""
        units = self._units
        raw = encode_raw(self._encoder, images, self._range)
        means = (raw[:, units.kept] - units.location[units.kept]) / units.scale[units.kept]
        return means, torch.full_like(means, NOISE)

    def decode(self, codes: Tensor) -> NDArray[np.uint8]:
        """Images ``(n, h, w, c)`` of standardised codes ``(n, d)``."""
        units = self._units
        raw = units.location.repeat(len(codes), 1)
        raw[:, units.kept] = codes * units.scale[units.kept] + units.location[units.kept]
        chunks = torch.split(raw, self._encoder.batch)
        parts = [_pixels(self._decoder(chunk.numpy()), self._range) for chunk in chunks]
        return np.concatenate(parts)


def fit_units(
    encoder: bytes, decoder: bytes, value_range: tuple[float, float], images: NDArray[np.uint8]
) -> tuple[OnnxCodec, Units]:
    """The codec in the units that the references ``(n, h, w, c)`` give its codes.

    Raises:
        StageError: a file does not run on these images, or gives no usable codes.
    """
    units = units_of(encode_raw(_File(encoder, "encoder"), images, value_range))
    return OnnxCodec(encoder, decoder, value_range, units), units


def units_of(raw: Tensor) -> Units:
    """Units in which every live dimension of the raw codes ``(n, k)`` has mean 0 and standard deviation 1.

    Raises:
        StageError: ``MODEL_OUTPUT_UNSUPPORTED``: codes that are not finite, or fewer than two live dimensions.
    """
    if not torch.isfinite(raw).all():
        raise _unusable("the encoder gives codes of the references that are not finite")
    scale = raw.std(dim=0, correction=0)
    kept = torch.nonzero(scale > DEAD * scale.max()).flatten()
    if len(kept) < 2:
        raise _unusable(f"only {len(kept)} of the encoder's {raw.shape[1]} codes differ between the references")
    return Units(kept, raw.mean(dim=0), scale)


def encode_raw(encoder: _File, images: NDArray[np.uint8], value_range: tuple[float, float]) -> Tensor:
    """Codes ``(n, k)`` float32 of ``(n, h, w, c)`` as the file gives them."""
    low, high = value_range
    parts = []
    for start in range(0, len(images), encoder.batch):
        chunk = images[start : start + encoder.batch].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        parts.append(encoder(chunk * np.float32(high - low) + np.float32(low)))
    return torch.from_numpy(np.concatenate(parts).astype(np.float32, copy=False))


def save_pair(encoder: bytes, decoder: bytes, value_range: tuple[float, float], units: Units) -> bytes:
    """Both files and the units as safetensors; :func:`load_pair` is the inverse."""
    state = {
        "encoder": torch.frombuffer(bytearray(encoder), dtype=torch.uint8),
        "decoder": torch.frombuffer(bytearray(decoder), dtype=torch.uint8),
        "kept": units.kept,
        "location": units.location,
        "scale": units.scale,
    }
    return to_bytes(state, {"format": FORMAT, "value_range": list(value_range)})


def load_pair(data: bytes) -> OnnxCodec:
    """Open what :func:`save_pair` wrote.

    Raises:
        CheckpointError: the bytes are damaged.
        StageError: ONNX Runtime cannot open a file.
    """
    header, state = from_bytes(data)
    low, high = header["value_range"]
    units = Units(state["kept"], state["location"], state["scale"])
    encoder, decoder = state["encoder"].numpy().tobytes(), state["decoder"].numpy().tobytes()
    return OnnxCodec(encoder, decoder, (low, high), units)


class _File:
    """One ONNX file with one input and one output, as a function of float32 batches."""

    def __init__(self, model: bytes, role: str) -> None:
        self._role = role
        try:
            self._session = open_session(model)
        except Exception as error:
            raise _not_runnable(role, error) from error
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self._dtype = input_dtype(self._session, self._input)

    @property
    def batch(self) -> int:
        """Samples per forward pass. Intake fixed every size of an encoder but the batch."""
        values: int = math.prod(self._session.get_inputs()[0].shape[1:])
        return max(1, min(MOST_BATCH, MOST_VALUES // values))

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[Any]:
        try:
            return forward(self._session, {self._input: batch.astype(self._dtype, copy=False)}, [self._output])[0]
        except Exception as error:
            raise _not_runnable(self._role, error) from error


def _pixels(values: NDArray[Any], value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Decoded values ``(n, c, h, w)`` as ``(n, h, w, c)`` uint8; what is not a number becomes black."""
    low, high = value_range
    unit = (values.astype(np.float32, copy=False) - np.float32(low)) / np.float32(high - low)
    clipped = np.clip(np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    return np.ascontiguousarray(np.rint(clipped * 255).astype(np.uint8).transpose(0, 2, 3, 1))


def _not_runnable(role: str, error: Exception) -> StageError:
    first = (str(error).splitlines() or [type(error).__name__])[0][:300]
    return StageError(ErrorCode.MODEL_NOT_RUNNABLE, f"ONNX Runtime cannot run the {role}: {first}")


def _unusable(detail: str) -> StageError:
    advice = "Encode a few of the references yourself and compare, or audit without an autoencoder of your own."
    return StageError(ErrorCode.MODEL_OUTPUT_UNSUPPORTED, detail, advice)
