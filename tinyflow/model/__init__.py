"""Networks: reading and writing `.tflite`, reference outputs, arena planning, and graphs built from code."""
