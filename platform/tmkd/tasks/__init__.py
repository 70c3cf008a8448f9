"""What is asked of a model: the columns of an example, its features and its metrics."""
