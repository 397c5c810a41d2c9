"""Writes a small network of the plain contract to standard output, made by the package onnx and not by foxhunt, with
golden vectors that onnx's reference evaluator computed."""

import base64
import json
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

random = numpy.random.default_rng(4)


def constant(name, *shape):
    return numpy_helper.from_array((random.normal(size=shape) / numpy.sqrt(numpy.prod(shape[1:]))).astype(numpy.float32), name)


initializers = [
    constant("filters", 4, 1, 3, 3), constant("place_weights", 4, 2), constant("spread_weights", 4, 3),
    numpy_helper.from_array(numpy.array([-1, 1, 128, 32], numpy.int64), "images"),
    numpy_helper.from_array(numpy.array([44.4, 8.3], numpy.float32), "middle"),
    numpy_helper.from_array(numpy.array([500, 300, 20], numpy.float32), "scale"),
    numpy_helper.from_array(numpy.array([-1, 3, 4], numpy.int64), "channels"),
]
nodes = [
    helper.make_node("Reshape", ["mel_spectrogram", "images"], ["x"]),
    helper.make_node("Conv", ["x", "filters"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["y"], ["z"]),
    helper.make_node("ReduceMean", ["z"], ["pooled"], axes=[2, 3], keepdims=0),
    helper.make_node("Reshape", ["pooled", "channels"], ["by_channel"]),
    helper.make_node("ReduceMean", ["by_channel"], ["features"], axes=[1], keepdims=0),
    helper.make_node("MatMul", ["features", "place_weights"], ["offset"]),
    helper.make_node("Add", ["offset", "middle"], ["positions"]),
    helper.make_node("MatMul", ["features", "spread_weights"], ["logits"]),
    helper.make_node("Exp", ["logits"], ["factor"]),
    helper.make_node("Mul", ["factor", "scale"], ["uncertainties"]),
]
graph = helper.make_graph(
    nodes, "python",
    [helper.make_tensor_value_info("mel_spectrogram", TensorProto.FLOAT, ["B", 3, 128, 32])],
    [helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["B", 2]),
     helper.make_tensor_value_info("uncertainties", TensorProto.FLOAT, ["B", 3])],
    initializers)
model = helper.make_model(graph, producer_name="onnx.helper", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

spectrogram = random.normal(size=(2, 3, 128, 32)).astype(numpy.float32)
positions, uncertainties = ReferenceEvaluator(model).run(None, {"mel_spectrogram": spectrogram})


def array(values, packed):
    data = base64.b64encode(values.astype("<f4").tobytes()).decode() if packed else values.flatten().tolist()
    return {"shape": list(values.shape), "data": data}


golden = {"version": 1, "atol": 1e-5, "rtol": 1e-4, "vectors": [
    {"inputs": {"mel_spectrogram": array(spectrogram, True)},
     "outputs": {"positions": array(positions, False), "uncertainties": array(uncertainties, True)}}]}
helper.set_model_props(model, {"foxhunt.name": "python", "foxhunt.version": "3", "foxhunt.golden": json.dumps(golden)})
onnx.checker.check_model(model, full_check=True)
sys.stdout.buffer.write(model.SerializeToString())
