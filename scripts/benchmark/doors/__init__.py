"""Doors: the ways to serve streams that are compared. `ours` are Notifier's, `peers` the others."""

from __future__ import annotations

from benchmark.doors.door import Door
from benchmark.doors.ours import Gateway, WebDoor
from benchmark.doors.peers import BarePeer, NchanPeer, QuartPeer, StarlettePeer

DOORS: dict[str, type[Door]] = {
    door.name: door for door in (Gateway, WebDoor, QuartPeer, StarlettePeer, NchanPeer, BarePeer)
}
