"""How much may be under way at a time: who comes when all places are taken is sent away at once."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from gliaflow.web.problems import Busy
from gliaflow.web.settings import ServeLimits

SHORTEST, LONGEST = 1, 60  # seconds after which to come again


class Places:
    """Counts requests, bytes of their files and pixels of their slices. For one thread, the event loop's."""

    def __init__(self, limits: ServeLimits) -> None:
        self.limits = limits
        self.requests = self.bytes = self.pixels = 0
        self.seconds_a_request = 0.1

    @contextmanager
    def take(self, announced: int | None) -> Iterator["Place"]:
        """A place for a request that announced so many bytes; None counts as the most. Raises Busy."""
        wanted = min(self.limits.total_bytes if announced is None else announced, self.limits.total_bytes)
        alone = self.requests == 0
        if self.requests >= self.limits.requests or (not alone and self.bytes + wanted > self.limits.waiting_bytes):
            raise self.busy()
        place = Place(self)
        self.requests += 1
        self.bytes += wanted
        try:
            yield place
        finally:
            self.requests -= 1
            self.bytes -= wanted
            self.pixels -= place.pixels

    def busy(self) -> Busy:
        """To come again when about half of the requests under way are answered."""
        seconds = math.ceil(self.requests * self.seconds_a_request / 2)
        return Busy(max(SHORTEST, min(LONGEST, seconds)))

    def answered(self, seconds: float) -> None:
        """Remember how long a request took of the server, as it had so many beside it."""
        each = seconds / max(1, self.requests)
        self.seconds_a_request += 0.1 * (each - self.seconds_a_request)


class Place:
    """What one request has under way."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.pixels = 0

    def add_pixels(self, pixels: int) -> None:
        """Count slices that are about to be held. Raises Busy where others hold too many for these."""
        places = self.places
        if places.pixels and places.pixels + pixels > places.limits.waiting_pixels:
            raise places.busy()
        places.pixels += pixels
        self.pixels += pixels
