"""What learning from labels means: one loss per file, with its config and its module; `registry` lists them.

Every loss is a pure function that gives one float per row. A module sums them to named terms, and a recipe's weights
make the objective. Reduction is the sum over rows divided by the number of rows of the *whole* step, so that the loss
depends neither on micro-batches nor on accumulation nor on the number of workers.
"""
