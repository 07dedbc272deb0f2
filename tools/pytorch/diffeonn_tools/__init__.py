"""Trains the networks of a DiffeoNN.Onnx bundle and exports them to ONNX."""
