"""Pipelines from data."""
