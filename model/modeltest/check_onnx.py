"""Checks the ONNX model on standard input: the format's rules, then types and shapes through the whole graph."""

import sys

import onnx

model = onnx.load_model_from_string(sys.stdin.buffer.read())
onnx.checker.check_model(model, full_check=True)
