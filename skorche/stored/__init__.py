"""Runs kept in a store: a folder for each run, written as it goes, and read again later."""
