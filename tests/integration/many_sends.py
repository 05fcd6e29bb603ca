"""One process that sends a number of messages at once: `many_sends.py URL SENDER RECIPIENT N`.

Prints what it published, a JSON object a line: recipient, sequence, name, payload, timestamp.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from notifier.database import Database
from notifier.drafts import draft
from notifier.events import Event
from notifier.sending import Sending
from notifier.settings import Settings


def say(events: Sequence[Event]) -> None:
    for event in events:
        said = [event.recipient_id, event.sequence, event.name, event.payload, event.timestamp]
        sys.stdout.write(json.dumps(said) + "\n")


async def main(url: str, sender_id: str, recipients: str, number: str) -> None:
    database = Database(Settings.load(secret_key="x" * 16, database_url=url))
    sending = Sending(database, say, kept_notifications=1_000)
    # Said before the first send, so that all processes can begin in one moment.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for turn in range(int(number)):
        await asyncio.gather(
            *(
                sending.send(draft(int(sender_id), f"sender{sender_id}", name, f"message {turn}"))
                for name in recipients.split(",")
            )
        )
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
