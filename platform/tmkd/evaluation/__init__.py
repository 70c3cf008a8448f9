"""How good a model is: quality, agreement, significance, speed, and the one table that compares them all.

Pure functions over arrays, but for what asks models (`scorer`, `scoring`, `pair_model`, `span_model`) and what writes
files.
"""
