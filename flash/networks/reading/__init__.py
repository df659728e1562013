"""Networks from torch modules and ONNX files.

A front end lists what a framework does as operations (`operations.Operation`); `assemble` makes the
table of layers of them, the same way for every front end.
"""
