"""The student's stages, what they start from, and their training."""
