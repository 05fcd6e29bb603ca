"""Notifier: private messages, and a badge that is right in every open window at once."""

__version__ = "1.0.0"
