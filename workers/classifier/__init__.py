"""The uploaded ONNX classifier: its graph, its cuts, and sessions that yield logits and taps in one pass."""
