"""Studies: many runs of one recipe, judged together."""
