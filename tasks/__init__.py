"""Thin Prefect tasks: each stage of a run around one domain function."""
