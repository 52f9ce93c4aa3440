"""Exports: a release's networks in formats that run without Keras, kept beside it with the proof that they agree.

`formats` writes them, `parity` and `speed` hold them against Keras, `work` does all of it in a child process; `record`
is what is then known of them, and `choice` takes the fastest that agreed.
"""
