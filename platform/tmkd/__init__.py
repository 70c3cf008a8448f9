"""tmkd: distil several large question-passage models into one small, fast student.

``import tmkd`` makes `transformers` know the student: its ``Auto`` classes then load student folders like any other
model's. Nothing heavy is imported until `transformers` itself is used.
"""

from __future__ import annotations

from typing import Any

from wrapt import when_imported

__version__ = "0.1.0"


@when_imported("transformers.models.auto.configuration_auto")
def _register_config(auto: Any) -> None:
    from tmkd.models.bi_lstm_config import BiLstmConfig
    from tmkd.models.student_config import StudentConfig

    for config in (BiLstmConfig, StudentConfig):
        auto.AutoConfig.register(config.model_type, config, exist_ok=True)
