"""Images to standardised codes and back, without the classifier: the space in which invariances are drawn."""

from workers.autoencoder.checkpoint import load, save
from workers.autoencoder.codec import Codec, NetworkCodec
from workers.autoencoder.config import AutoencoderConfig
from workers.autoencoder.fit import FittedAutoencoder, fit_autoencoder
from workers.autoencoder.inference import decode_codes, encode_images
from workers.autoencoder.model import Autoencoder

__all__ = [
    "Autoencoder", "AutoencoderConfig", "Codec", "FittedAutoencoder", "NetworkCodec", "decode_codes", "encode_images",
    "fit_autoencoder", "load", "save",
]  # fmt: skip
