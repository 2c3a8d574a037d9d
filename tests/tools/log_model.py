"""Run by the Python of ``.venv/tools/mlflow``: log small ONNX classifiers as people do, with ``mlflow.onnx``.

``log_model.py URL NAME …`` registers a version of each model; one whose name ends in ``-wide`` has its weights in a
second file, as ``mlflow.onnx`` does it when it is told nothing.
"""

import sys

import mlflow
import numpy as np
from onnx import TensorProto, helper, numpy_helper


def classifier():
    weights = np.random.default_rng(0).normal(size=(192, 10)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    takes = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
    gives = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])]
    graph = helper.make_graph(nodes, "small", takes, gives, [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def main(url: str, *names: str) -> None:
    mlflow.set_tracking_uri(url)
    with mlflow.start_run():
        mlflow.log_param("learning_rate", "0.1")
        for name in names:
            more = {} if name.endswith("-wide") else {"save_as_external_data": False}
            requirements = ["onnxruntime"]  # inferring them takes longer than all the rest
            mlflow.onnx.log_model(
                classifier(), name=name, registered_model_name=name, pip_requirements=requirements, **more
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
