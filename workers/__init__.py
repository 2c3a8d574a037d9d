"""The science: numerics, ONNX handling, audit stages, and a thin Ray shell. Never sees HTTP, SQL or S3."""
