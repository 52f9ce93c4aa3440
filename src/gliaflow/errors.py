"""The error that a person can mend: bad data, a wrong option, a file that isn't there."""


class GliaflowError(Exception):
    """Base of all errors whose message alone says what is wrong and what to do; shown without a traceback."""
