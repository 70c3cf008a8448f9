"""How good a model is: quality, agreement, significance, speed, and the one table that compares them all.

Pure functions over arrays; only `tmkd.evaluation.scoring` loads models.
"""
