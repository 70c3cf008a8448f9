"""Tasks: what is asked of a model. One object per task says all that varies with it; `registry` finds it."""
