"""Which inputs are the nodes, the edges and the mask of a graph: by the specification, by their names, or by rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from schemas.classifiers import GraphInputs, InputSpec
from schemas.problems import ErrorCode
from workers.errors import IntakeError

from .limits import DatasetCaps
from .refusals import refuse, show

NODES, ADJACENCY, MASK = "nodes", "adjacency", "mask"
RANKS = {NODES: (3,), ADJACENCY: (3, 4), MASK: (2,)}
TYPES = frozenset(
    {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BOOL,
     onnx.TensorProto.UINT8, onnx.TensorProto.INT32, onnx.TensorProto.INT64}
)  # fmt: skip
ADVICE = (
    "Export a classifier of graphs with the inputs nodes [batch, n, features], adjacency [batch, n, n] or "
    "[batch, n, n, kinds] and, if it needs one, mask [batch, n]; name them so, or give nodes_name, adjacency_name and "
    "mask_name in the input specification."
)
MISSING_ADVICE = "Keep both nodes and adjacency among the inputs, even if the model reads only one of them. " + ADVICE
QUOTES = "'\""
IMAGE_ADVICE = "Leave out what applies to images: layout, low and high, mean and std, input_name."

Shape = tuple[int | str | None, ...]
"""Declared sizes: a number, the name of an open one, ``None`` for an open one without a name."""


def means_graphs(inputs: Sequence[onnx.ValueInfoProto], spec: InputSpec) -> bool:
    """Whether these inputs are to be read as a graph: the specification or a name says so, or two of them have the
    ranks of nodes and edges.
    """
    if any((spec.nodes_name, spec.adjacency_name, spec.mask_name)):
        return True
    ranks = sorted(len(shape_of(value)) for value in inputs)
    named = {value.name for value in inputs} & {NODES, ADJACENCY}
    return (bool(named) and ranks != [4]) or (len(inputs) > 1 and 3 in ranks)


def find_graph_inputs(inputs: Sequence[onnx.ValueInfoProto], spec: InputSpec) -> GraphInputs:
    """Which of ``inputs`` is what, and the sizes that they declare.

    Raises:
        IntakeError: ``MODEL_INPUT_UNSUPPORTED``: an input is missing, superfluous or not recognised, has a wrong type
            or shape, or the specification describes images.
    """
    _check_spec(spec)
    shapes = {value.name: shape_of(value) for value in inputs}
    roles = _named(shapes, spec)
    roles |= _recognised({name: shape for name, shape in shapes.items() if name not in roles.values()}, roles)
    _check_roles(roles, shapes)
    _check_types([value for value in inputs if value.name in roles.values()])
    nodes, adjacency = shapes[roles[NODES]], shapes[roles[ADJACENCY]]
    mask = shapes[roles[MASK]] if MASK in roles else None
    size = _size([nodes[1], *adjacency[1:3], *(mask[1:] if mask else ())])
    return GraphInputs(
        nodes=roles[NODES], adjacency=roles[ADJACENCY], mask=roles.get(MASK), size=size,
        node_features=_features(nodes, roles[NODES]), edge_axis=len(adjacency) == 4,
        edge_features=_features(adjacency, roles[ADJACENCY]) if len(adjacency) == 4 else 1,
    )  # fmt: skip


def shape_of(value: onnx.ValueInfoProto) -> Shape:
    """Declared sizes, names of open ones included."""
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in dims)


def _check_spec(spec: InputSpec) -> None:
    images = (spec.layout != "auto", spec.mean, spec.std, spec.input_name, (spec.low, spec.high) != (0.0, 1.0))
    if any(images):
        raise _unsupported("the specification describes images and the model takes graphs", IMAGE_ADVICE)


def _named(shapes: Mapping[str, Shape], spec: InputSpec) -> dict[str, str]:
    """Roles of the inputs that the specification names, or that are called as their role is."""
    wanted = {NODES: spec.nodes_name, ADJACENCY: spec.adjacency_name, MASK: spec.mask_name}
    absent = [name for name in wanted.values() if name is not None and name not in shapes]
    if absent:
        raise _unsupported(f"the specification names {show(absent[0])}; {_listed(shapes)}")
    said = {role: name for role, name in wanted.items() if name is not None}
    if len(set(said.values())) < len(said):
        raise _unsupported("the specification names one input for two parts of a graph")
    return said | {role: role for role in wanted if role in shapes and role not in said and role not in said.values()}


def _recognised(left: Mapping[str, Shape], known: Mapping[str, str]) -> dict[str, str]:
    """Roles of the other inputs by rank: edges have one size twice, nodes and mask have it once."""
    found: dict[str, str] = {}
    for role, fits in ((ADJACENCY, _may_be_edges), (NODES, _may_be_nodes), (MASK, _may_be_mask)):
        candidates = [name for name, shape in left.items() if name not in found.values() and fits(shape)]
        if role not in known and len(candidates) == 1:
            found[role] = candidates[0]
    unknown = [name for name in left if name not in found.values()]
    if unknown:
        raise _unsupported(f"it is not clear what {show(unknown[0])} is; {_listed(left)}")
    return found


def _may_be_edges(shape: Shape) -> bool:
    return len(shape) in RANKS[ADJACENCY] and shape[1] is not None and shape[1] == shape[2]


def _may_be_nodes(shape: Shape) -> bool:
    return len(shape) == 3


def _may_be_mask(shape: Shape) -> bool:
    return len(shape) == 2


def _check_roles(roles: Mapping[str, str], shapes: Mapping[str, Shape]) -> None:
    missing = [role for role in (NODES, ADJACENCY) if role not in roles]
    if missing:
        raise _unsupported(f"there is no input for {missing[0]}; {_listed(shapes)}", MISSING_ADVICE)
    for role, name in roles.items():
        if len(shapes[name]) not in RANKS[role] or 0 in shapes[name]:
            raise _unsupported(f"{role} cannot be {show(name)} {_shown(shapes[name])}")
    batches = {shape[0] for shape in shapes.values() if isinstance(shape[0], int)}
    if len(batches) > 1:
        raise _unsupported(f"the inputs declare batches of {sorted(batches)}", "Give all inputs one batch axis.")


def _check_types(inputs: Sequence[onnx.ValueInfoProto]) -> None:
    for value in inputs:
        element = value.type.tensor_type.elem_type
        if element not in TYPES:
            known = element in onnx.TensorProto.DataType.values()
            called = onnx.TensorProto.DataType.Name(element) if known else element
            raise _unsupported(f"input {show(value.name)} has the type {called}", "Export with float32 inputs.")


def _size(declared: Sequence[int | str | None]) -> int | None:
    """The one number of nodes that the inputs declare; ``None`` where all leave it open."""
    fixed = {size for size in declared if isinstance(size, int)}
    most = DatasetCaps().graph_nodes
    if len(fixed) > 1 or any(not 2 <= size <= most for size in fixed):
        detail = f"the inputs declare {sorted(fixed)} as the number of nodes"
        raise _unsupported(detail, f"Export with one number from 2 to {most}, or leave it open in all inputs.")
    return next(iter(fixed), None)


def _features(shape: Shape, name: str) -> int:
    last = shape[-1]
    if not isinstance(last, int) or last > DatasetCaps().graph_features:
        detail = f"the last axis of {show(name)} {_shown(shape)} does not say how many features there are"
        raise _unsupported(detail, f"Declare the number of features there, {DatasetCaps().graph_features} at most.")
    return last


def _listed(shapes: Mapping[str, Shape]) -> str:
    shown = (f"{show(name)} {_shown(shape)}" for name, shape in list(shapes.items())[:8])
    return f"the inputs are: {', '.join(shown) or 'none'}"


def _shown(shape: Shape) -> str:
    return f"[{', '.join('?' if size is None else show(str(size), 20).strip(QUOTES) for size in shape[:8])}]"


def _unsupported(detail: str, advice: str = ADVICE) -> IntakeError:
    return refuse(ErrorCode.MODEL_INPUT_UNSUPPORTED, detail, advice)
