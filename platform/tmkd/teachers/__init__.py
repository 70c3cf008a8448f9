"""Models that know: the kinds of teacher and how each turns token columns into label columns."""
