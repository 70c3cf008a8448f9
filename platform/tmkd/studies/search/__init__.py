"""``jobs/tmkd_search.py``: what is searched, the super-student, the study, its proof and its page."""
