"""What a system did with a post: the alert that it published or none, and what that took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one post under one setting."""

    post_id: str
    theme: str | None  # None: no alert
    entity: str | None
    reason: str  # `alert`, or why there is none
    num_tokens: int  # prompt and completion, as the server counts them
    seconds: float  # of the LLM's requests together
    samples: tuple[str, ...] = ()

    @property
    def is_alert(self) -> bool:
        """Whether something was published."""
        return self.theme is not None
