"""The version of Gliaflow."""

__version__ = "0.1.0"
