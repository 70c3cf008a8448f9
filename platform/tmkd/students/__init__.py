"""Kinds of student: what each is cut from, its shape, and what a search varies. `registry` finds them."""
