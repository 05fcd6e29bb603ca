"""The tables. Only their shape: every query stands with the noun that it is about.

Times are seconds since the epoch (UTC) as floats: the contract's `timestamp` is one, they sort,
and no database's idea of a time zone comes into it. Rows are read as plain tuples with names
(`connection.execute(select(User.id, ...))`), never as live objects, so nothing loads by itself.
"""

from notifier.models.base import HASH_CHARACTERS, AnyRow, AnySelect, Base, Number
from notifier.models.centre import Centre, PushSubscription
from notifier.models.conversations import Conversation, DeletedMessage
from notifier.models.exports import Export, ExportPart
from notifier.models.messages import Message
from notifier.models.notifications import Notification
from notifier.models.people import SignIn, User
from notifier.models.posts import Post
from notifier.models.presence import Presence
from notifier.models.safety import Report, ReportedText, Tie

__all__ = [
    "HASH_CHARACTERS",
    "AnyRow",
    "AnySelect",
    "Base",
    "Centre",
    "Conversation",
    "DeletedMessage",
    "Export",
    "ExportPart",
    "Message",
    "Notification",
    "Number",
    "Post",
    "Presence",
    "PushSubscription",
    "Report",
    "ReportedText",
    "SignIn",
    "Tie",
    "User",
]
