"""All of our classes that Hugging Face's Auto classes load, one line each."""

from __future__ import annotations

from functools import cache

from transformers import AutoModel, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

from tmkd.models.bi_lstm import BiLstmModel
from tmkd.models.bi_lstm_config import BiLstmConfig
from tmkd.models.span_student import StudentForQuestionAnswering
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import StudentConfig


@cache
def register() -> None:
    """Make the Auto classes know the students' and their bases' classes."""
    AutoModelForSequenceClassification.register(StudentConfig, StudentForSequenceClassification, exist_ok=True)
    AutoModelForQuestionAnswering.register(StudentConfig, StudentForQuestionAnswering, exist_ok=True)
    AutoModel.register(BiLstmConfig, BiLstmModel, exist_ok=True)
