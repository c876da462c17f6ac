"""Pipelines from data: what others write as dicts or files, read into the one graph there is."""
