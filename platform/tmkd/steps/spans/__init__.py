"""What is different where answers are spans: readers' attention, the judged split, evaluation and report."""
