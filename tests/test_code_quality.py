"""Lint, format, types and the order of the rooms, as a contributor's own checks would find them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": [sys.executable, "-m", "mypy"],
    "order of the rooms": ["lint-imports"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_code_is_clean(tool: str) -> None:
    command = TOOLS[tool]
    program = command[0] if Path(command[0]).is_absolute() else str(Path(sys.executable).parent / command[0])
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
