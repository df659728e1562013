"""Out to frameworks: torch modules and ONNX files; nothing is imported before it is asked for."""
