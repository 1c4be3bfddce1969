"""Write a program that torch.export.save kept as ONNX: python torch_onnx.py MODEL OUT."""

import sys

import torch

model, out = sys.argv[1:]
torch.onnx.export(torch.export.load(model), (), out, dynamo=True, external_data=False)
