"""Images to standardised codes and back, whoever made the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from workers.autoencoder.inference import decode_codes, encode_images
from workers.autoencoder.model import Autoencoder


class Codec(Protocol):
    """What draws images: our own autoencoder, or the two files of a user."""

    def encode(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the codes of ``(n, h, w, c)``, each ``(n, d)`` float32.

        Over the references each dimension of the means has mean 0 and standard deviation 1.
        """
        ...

    def decode(self, codes: Tensor) -> NDArray[np.uint8]:
        """Images ``(n, h, w, c)`` of standardised codes ``(n, d)``."""
        ...


@dataclass(frozen=True)
class NetworkCodec:
    """The fitted autoencoder as a codec."""

    model: Autoencoder

    def encode(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See :class:`Codec`: the posterior of the beta-VAE."""
        return encode_images(self.model, images)

    def decode(self, codes: Tensor) -> NDArray[np.uint8]:
        """See :class:`Codec`."""
        return decode_codes(self.model, codes)
