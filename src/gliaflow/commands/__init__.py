"""The sub-commands of `gliaflow`, one a file: `add` tells argparse of it, `run` does it and gives the exit status.

What takes time to import is imported inside `run`: `gliaflow --help` is to be there at once.
"""
