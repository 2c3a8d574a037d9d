"""Opens whatever autoencoder an audit works with: the one it fitted, to images or graphs, or the user's own."""

from __future__ import annotations

from workers.autoencoder import load
from workers.autoencoder.codec import Codec, NetworkCodec
from workers.graphs import checkpoint as graphs
from workers.stages.onnx_codec import FORMAT, load_pair
from workers.training.checkpoints import from_bytes


def open_codec(data: bytes) -> Codec:
    """The codec in the output ``model`` of the stage ``autoencoder``.

    Raises:
        CheckpointError: the bytes are damaged.
        ValueError: they hold something else than an autoencoder.
        StageError: ONNX Runtime cannot open a user's file.
    """
    held = from_bytes(data)[0].get("format")
    if held == graphs.FORMAT:
        return graphs.load(data).codec
    return load_pair(data) if held == FORMAT else NetworkCodec(load(data).model)
