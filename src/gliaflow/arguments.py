"""Types of command-line options that argparse has not."""

import argparse
from collections.abc import Callable


def whole(least: int) -> Callable[[str], int]:
    """A type of option: a whole number from `least` on."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} on, not {text}")
        return number

    return read
