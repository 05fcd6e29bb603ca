"""What the kernel tells of processes in /proc, also of those that end while one looks."""

from __future__ import annotations

import contextlib
from pathlib import Path


def told(file: Path) -> str:
    """What a file of /proc says; "" when its process, or thread, has ended: then there is no such
    file, or it can be opened and no longer be read."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def leaves(pid: int) -> list[int]:
    """The processes that serve, under the one that watches over them; itself where it is alone."""
    children: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in told(task / "children").split()]
    return [leaf for child in children for leaf in leaves(child)] or [pid]


def is_a(kind: str, pid: int) -> bool:
    """Whether it is one of the supervisor's processes of this kind."""
    return f"\0{kind}\0" in told(Path(f"/proc/{pid}/cmdline"))


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended and nobody has asked for does not."""
    state = told(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(state) and state[0] not in "ZX"


def inode_of(local_port: int, remote_port: int) -> str | None:
    """The socket of a connection between two ports of this machine."""
    wanted = (f":{local_port:04X}", f":{remote_port:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1].endswith(wanted[0]) and columns[2].endswith(wanted[1]):
            return columns[9]
    return None


def sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    links = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            # A file may be closed between the listing and the look.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                links.add(str(descriptor.readlink()))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if "socket" in link}
