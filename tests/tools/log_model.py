"""Run by the Python of ``.venv/tools/mlflow``: log a small ONNX classifier as people do, with ``mlflow.onnx``.

``log_model.py URL NAME SEED [external]`` registers a version of the model NAME and prints its number.
"""

import sys

import mlflow
import numpy as np
from onnx import TensorProto, helper, numpy_helper


def classifier(seed: int):
    weights = np.random.default_rng(seed).normal(size=(192, 10)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    takes = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
    gives = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])]
    graph = helper.make_graph(nodes, "small", takes, gives, [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def main(url: str, name: str, seed: str, *more: str) -> None:
    mlflow.set_tracking_uri(url)
    with mlflow.start_run():
        mlflow.log_param("learning_rate", "0.1")
        logged = mlflow.onnx.log_model(
            classifier(int(seed)),
            name="model",
            registered_model_name=name,
            save_as_external_data="external" in more,
            pip_requirements=["onnxruntime"],
        )
    print(logged.registered_model_version)


if __name__ == "__main__":
    main(*sys.argv[1:])
