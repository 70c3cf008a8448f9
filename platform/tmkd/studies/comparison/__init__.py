"""``jobs/compare.py``: cells, their students and labels, judged on the same questions and told on one page."""
