"""What can lie in a network's stream and is no post. The codes are labels of metrics, so the set is closed."""

from __future__ import annotations

from typing import Final

ACCOUNT: Final = "account"
ERROR: Final = "error"
FOLLOW: Final = "follow"
LIKE: Final = "like"
NOTHING: Final = "nothing"
NOTICE: Final = "notice"
OTHER: Final = "other"
REPOST: Final = "repost"
SERVICE_MESSAGE: Final = "service_message"
UNNAMED_DELETION: Final = "unnamed_deletion"
WITHHELD: Final = "withheld"

SKIPPED = {
    ACCOUNT: "an account that changed, moved, or was closed",
    ERROR: "an error that the network reports in the place of posts",
    FOLLOW: "somebody follows or blocks somebody",
    LIKE: "a like or another reaction",
    NOTHING: "a page or a feed without a post",
    NOTICE: "the network about its stream: limits, warnings, keep-alives, edits that are announced",
    OTHER: "anything else that the network's documentation tells apart from a post",
    REPOST: "somebody repeats a post that has its own record",
    SERVICE_MESSAGE: "a message of the chat about itself: somebody joined, a message was pinned",
    UNNAMED_DELETION: "a deletion that does not say of which post",
    WITHHELD: "a post that the network hides from us: blocked, not found, withheld in countries",
}
"""Every code with its meaning."""
