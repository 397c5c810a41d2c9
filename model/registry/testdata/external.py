"""Writes a model of the plain contract with tensors wherever ONNX allows them, once as one file and once with every
tensor that may be in a file of its own there: FOLDER/whole.onnx, and FOLDER/split/model.onnx with what belongs to it."""

import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]


def tensor(name, *values, shape=None):
    return numpy_helper.from_array(numpy.array(values, numpy.float32).reshape(shape or [len(values)]), name)


def constant(output, value):
    return helper.make_node("Constant", [], [output], value=value)


# A function, whose body has a constant: shift(x) = x + 0.25
shift = helper.make_function("foxhunt", "Shift", ["x"], ["y"],
                             [constant("c", tensor("c", 0.25)), helper.make_node("Add", ["x", "c"], ["y"])],
                             [helper.make_opsetid("", 17)])

# A subgraph with an initializer, and in it another one.
inner = helper.make_graph([helper.make_node("Add", ["scaled", "inner_bias"], ["inner_out"])], "inner", [],
                          [helper.make_tensor_value_info("inner_out", TensorProto.FLOAT, None)],
                          [tensor("inner_bias", 0.5, -0.5)])
other = helper.make_graph([constant("other_out", tensor("o", 7, 7))], "other", [],
                          [helper.make_tensor_value_info("other_out", TensorProto.FLOAT, None)])
outer = helper.make_graph([helper.make_node("Mul", ["mean", "scale"], ["scaled"]),
                           helper.make_node("If", ["yes"], ["outer_out"], then_branch=inner, else_branch=other)], "outer", [],
                          [helper.make_tensor_value_info("outer_out", TensorProto.FLOAT, None)],
                          [tensor("scale", 1, 2)])

sparse = helper.make_sparse_tensor(tensor("sparse", 3.0), helper.make_tensor("sparse_indices", TensorProto.INT64, [1], [1]), [2])

graph = helper.make_graph(
    [
        helper.make_node("ReduceMean", ["mel_spectrogram"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "weights"], ["row"]),
        helper.make_node("If", ["yes"], ["pair"], then_branch=outer, else_branch=other),
        helper.make_node("Add", ["row", "pair"], ["sum"]),
        helper.make_node("Add", ["sum", "sparse"], ["sum2"]),
        helper.make_node("Shift", ["sum2"], ["positions"], domain="foxhunt"),
        constant("three", tensor("three", 100, 50, 30)),
        helper.make_node("MatMul", ["column", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "three"], ["uncertainties"]),
    ],
    "everywhere",
    [helper.make_tensor_value_info("mel_spectrogram", TensorProto.FLOAT, ["B", "C", 128, 32])],
    [helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["B", 2]),
     helper.make_tensor_value_info("uncertainties", TensorProto.FLOAT, ["B", 3])],
    [tensor("weights", 1, 2, shape=[1, 2]), tensor("none", 0, 0, 0, shape=[1, 3]),
     numpy_helper.from_array(numpy.array([1], numpy.int64), "one"), numpy_helper.from_array(numpy.array(True), "yes")],
    sparse_initializer=[sparse])
# mean is [B]; the branches of If scale it to [2], which is right for a batch of one or two.
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("foxhunt", 1)], functions=[shift],
                          ir_version=9)
onnx.save(model, os.path.join(folder, "whole.onnx"))

split = os.path.join(folder, "split")
os.mkdir(split)
# onnx itself moves initializers and attributes, and of these not all; the rest is moved here, by the same rules.
rest = open(os.path.join(split, "rest.bin"), "wb")


def move(t):
    if t.data_location == TensorProto.EXTERNAL:
        return
    raw = numpy_helper.to_array(t).tobytes()
    rest.write(b"\0" * (-rest.tell() % 64))
    offset = rest.tell()
    rest.write(raw)
    for f in ("float_data", "int64_data", "int32_data"):
        t.ClearField(f)
    t.raw_data = raw
    onnx.external_data_helper.set_external_data(t, "rest.bin", offset, len(raw))
    t.ClearField("raw_data")
    t.data_location = TensorProto.EXTERNAL


def visit_graph(g):
    for t in g.initializer:
        move(t)
    for s in g.sparse_initializer:
        move(s.values)
        move(s.indices)
    visit_nodes(g.node)


def visit_nodes(nodes):
    for node in nodes:
        for a in node.attribute:
            if a.type == onnx.AttributeProto.TENSOR:
                move(a.t)
            if a.type == onnx.AttributeProto.GRAPH:
                visit_graph(a.g)


onnx.external_data_helper.convert_model_to_external_data(model, location="own.bin", size_threshold=0, convert_attribute=False)
onnx.external_data_helper.write_external_data_tensors(model, split)
visit_graph(model.graph)
for f in model.functions:
    visit_nodes(f.node)
rest.close()
with open(os.path.join(split, "model.onnx"), "wb") as f:
    f.write(model.SerializeToString())
