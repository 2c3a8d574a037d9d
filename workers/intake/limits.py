"""What an untrusted file may cost: limits of the child process, and caps on what a file may declare."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Limits of one sandboxed process.

    Args:
        memory_bytes: address space. ONNX Runtime alone maps about 300 MiB before it reads a model.
        cpu_seconds: processor time over all threads.
        wall_seconds: time until the process group is killed.
        file_bytes: largest file that the child may write, and largest result that the parent reads.
        open_files: open descriptors.
    """

    memory_bytes: int = 6 * GIB
    cpu_seconds: int = 300
    wall_seconds: float = 300.0
    file_bytes: int = 2 * GIB
    open_files: int = 128


@dataclass(frozen=True)
class ModelCaps:
    """What an ONNX file may declare before anything of it is run."""

    file_bytes: int = 512 * MIB
    nodes: int = 20_000
    initializers: int = 20_000
    tensor_elements: int = 2**28
    rank: int = 8
    name_length: int = 512
    subgraph_depth: int = 2
    classes: int = 100_000


@dataclass(frozen=True)
class DatasetCaps:
    """What a data set may hold. ``ratio`` is uncompressed over compressed bytes of the whole file, beyond the
    first ``free_bytes``; ``side`` and ``pixels`` bound one image, ``resized_side`` the longer side that image files are
    brought to; ``pairs`` bound one concept; ``graph_nodes`` the room of one graph, ``graph_features`` the features of
    its nodes and edges together.
    """

    file_bytes: int = GIB
    images: int = 200_000
    minimum_images: int = 200
    members: int = 220_000
    member_bytes: int = 32 * MIB
    decoded_bytes: int = GIB
    ratio: float = 200.0
    free_bytes: int = 4 * MIB
    pixels: int = 4096 * 4096
    side: int = 1024
    resized_side: int = 224
    columns: int = 256
    csv_bytes: int = 64 * MIB
    categories: int = 256
    concepts: int = 32
    minimum_pairs: int = 20
    pairs: int = 200_000
    graph_nodes: int = 128
    graph_features: int = 128
