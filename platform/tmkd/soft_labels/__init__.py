"""What the teachers said: one store a teacher, calibration of single logits, and the join with a corpus."""
