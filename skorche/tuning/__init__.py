"""Runs that find out how many workers each task should have: `run(workers="auto")`.

`target` says what would be best, from what was measured; `tuner` takes one step at a time towards it and undoes what
did not help; `pilot` looks at the run for it and has its steps carried out; `tuned` keeps what was found.
"""
