"""`notifier loadtest`: demo people with open windows, who write to each other, and what came of it.

It talks to a site from outside, as browsers do, and knows nothing of its processes: sign-in by
form, streams that come back with their cursor when they end, messages as JSON. What was lost,
duplicated, out of order or refused is a fault of the site, and is said as such.
"""

from __future__ import annotations

from notifier.loadtest.course import Course, Progress
from notifier.loadtest.load import Load
from notifier.loadtest.tally import Tally

__all__ = ["Course", "Load", "Progress", "Tally"]
