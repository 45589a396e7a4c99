"""How long to wait before the next attempt: doubling from `FIRST` to `LONGEST`, the last third of it by chance."""

from datetime import timedelta
from random import Random

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=15)
LONGEST_ASKED = timedelta(hours=1)
"""The longest that we stay away because the other side asks for it."""


def pause(failures: int, chance: Random, asked: timedelta | None = None) -> timedelta:
    """Return the pause after so many failures in a row; never shorter than what the other side asked for."""
    grown = min(FIRST * (1 << min(failures - 1, 20)), LONGEST)
    jittered = grown * (2 + chance.random()) / 3
    return max(jittered, min(asked, LONGEST_ASKED)) if asked else jittered
