"""Code on model cards that uses a finished model."""

from __future__ import annotations

SCORE = """from transformers import pipeline

score = pipeline("text-classification", model="<this folder>", truncation=True)
score({"text": "a question", "text_pair": "a passage"})"""
READ = """from transformers import AutoModelForQuestionAnswering, AutoTokenizer

reader, tokenizer = (auto.from_pretrained("<this folder>") for auto in (AutoModelForQuestionAnswering, AutoTokenizer))
found = reader(**tokenizer("a question", "a context", return_tensors="pt"))
found.start_logits, found.end_logits  # of every token; the answer lies in the context"""
