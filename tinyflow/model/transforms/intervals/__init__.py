"""Interval analysis: for every element of every tensor the least and the largest integer that any input can give.

Elements are looked at one by one, borders included, so a channel that padding makes uneven is seen as uneven. Every
rule takes bounds in and gives bounds that hold for all values between them; where there is no rule, the whole range of
the type is the answer. The arithmetic is TFLM's reference kernels'.
"""
