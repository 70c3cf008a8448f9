"""The part of a text that a teacher reads, and what it reads before it."""

from __future__ import annotations

from dataclasses import dataclass

from tmkd.text.patterns import view


@dataclass(frozen=True)
class TextView:
    """How a teacher reads a text.

    Attributes:
        pattern: regular expression whose group 1 is all it reads; None for all of the text.
        prompt: read before the text, such as ``query: ``.
        lower: whether both are lower-cased.
    """

    pattern: str | None = None
    prompt: str = ""
    lower: bool = False

    def of(self, text: str) -> str:
        """Return what is read of a text."""
        seen = self.prompt + view(text, self.pattern)
        return seen.lower() if self.lower else seen

    def key(self) -> str | list[object] | None:
        """Return what tokens of this view are told apart by; None where the text is read as it is."""
        return [self.pattern, self.prompt, self.lower] if self.prompt or self.lower else self.pattern


WHOLE = TextView()
