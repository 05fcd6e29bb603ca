"""What `scripts/bench` runs: Notifier's doors beside what people would use instead.

One machine, one run, one load client. Words: a *door* is one way to serve streams (ours or a
peer's), a *crowd* is the client's side of all its streams, a *feed* is the process that makes
events happen. CPU time and memory are the kernel's accounting of the server's processes and of
the Redis they talk to; the crowd and the feed are not counted, but must say when they were too
slow to be believed. Wall-clock time is used for latency and for the storm alone.
"""
