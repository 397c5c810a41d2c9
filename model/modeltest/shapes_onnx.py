"""Prints the values of the ONNX model on standard input whose shape shape inference cannot find, one a line."""

import sys

import onnx

model = onnx.load_model_from_string(sys.stdin.buffer.read())
graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
stated = {dim.dim_param for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]
          for dim in value.type.tensor_type.shape.dim}
known = {value.name: value.type.tensor_type for value in [*graph.input, *graph.output, *graph.value_info]}
for node in graph.node:
    for name in node.output:
        tensor = known.get(name)
        # Inference makes up names for the sizes that it does not find.
        if tensor is None or not tensor.HasField("shape") or any(
                not dim.HasField("dim_value") and dim.dim_param not in stated for dim in tensor.shape.dim):
            print(node.op_type, name)
