"""Place of the function that makes Hugging Face's Auto classes know ours.

Configs call it when their first object is made, and not on ``import tmkd``: the classes cost 1.5 s of imports that a
process which only tokenises can spare. They name it, as an import would be a circle: classes import their configs.
"""

from __future__ import annotations

REGISTRATION = "tmkd.models.registered:register"
