"""Decoders that keep to themselves: what they would log about bad bytes is told by UnusableFile instead."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_lock = threading.Lock()
_inside = 0
_levels = (0, 0)


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silence the logs of OpenCV and tifffile inside; several threads may be inside at once."""
    global _inside, _levels
    tifffile_logger = logging.getLogger("tifffile")
    with _lock:
        if _inside == 0:
            _levels = (cv2.utils.logging.getLogLevel(), tifffile_logger.level)
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            tifffile_logger.setLevel(logging.CRITICAL + 1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                cv2.utils.logging.setLogLevel(_levels[0])
                tifffile_logger.setLevel(_levels[1])
