"""One file a step; the first one makes the tables."""
