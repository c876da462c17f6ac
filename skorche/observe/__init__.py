"""Reads, never touches: reports and pictures."""
