"""Feeds: processes that make events happen. Their CPU time is not the server's and not counted."""
