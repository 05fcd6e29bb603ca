"""A picture for every name, drawn from the name alone: no upload, no outside service.

It must never depend on anything but the name, so that one person looks the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

# Ground, shapes, letter. Each letter has at least 4.5:1 against its ground (WCAG AA), and each
# ground stands off both the light and the dark page.
_PALETTES = (
    ("#0f5e63", "#1c8a86", "#ffffff"),
    ("#7a3b12", "#b0651f", "#ffffff"),
    ("#4b3a8c", "#7463bd", "#ffffff"),
    ("#8c2f4b", "#bf5a76", "#ffffff"),
    ("#2d5a27", "#5b8c4a", "#ffffff"),
    ("#1f4e8c", "#4a7fc1", "#ffffff"),
    ("#f2c14e", "#f7dd93", "#3a2a00"),
    ("#8fd0c3", "#c4e8e0", "#06302b"),
    ("#f2a488", "#f8cdbd", "#42160a"),
    ("#b9b0e8", "#d9d4f5", "#241a55"),
)
# The picture is a square of this many units; whoever shows it chooses the size in pixels.
SIDE = 48


@dataclass(frozen=True, slots=True)
class Circle:
    x: int
    y: int
    radius: int


@dataclass(frozen=True, slots=True)
class Avatar:
    """What to draw: a ground, two circles that reach over its edges, and the first letter."""

    ground: str
    shape: str
    ink: str
    letter: str
    circles: tuple[Circle, Circle]


@lru_cache(maxsize=1024)
def avatar(username: str) -> Avatar:
    """The picture of this name; the same in every process and for every spelling of its case."""
    bits = blake2b(username.lower().encode(), digest_size=8).digest()
    ground, shape, ink = _PALETTES[bits[0] % len(_PALETTES)]
    return Avatar(
        ground=ground,
        shape=shape,
        ink=ink,
        letter=next((letter for letter in username if letter.isalnum()), "?").upper(),
        # The circles keep to opposite edges, so that the letter in the middle stays readable.
        circles=(
            Circle(x=bits[1] % SIDE, y=bits[2] % 8, radius=10 + bits[3] % 8),
            Circle(x=bits[4] % SIDE, y=SIDE - bits[5] % 8, radius=8 + bits[6] % 10),
        ),
    )
