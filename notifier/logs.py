"""Logging: one line an event, JSON unless a person watches.

What may never be in a line: texts of messages, cookies, passwords, e-mail addresses.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, development: bool) -> None:
    """Set up the logs of a process; called once, by a command or the ASGI module."""
    terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
    )
    stream = logging.StreamHandler()
    stream.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [stream]
    root.setLevel(logging.INFO if development else logging.WARNING)
    # Alembic tells at "info" how it looks at every database; only a migration is news.
    logging.getLogger("alembic").setLevel(logging.WARNING)
