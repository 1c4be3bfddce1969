"""What operators compute, in numpy and int64: TFLite's reference kernels, bit for bit, from values that are given."""
