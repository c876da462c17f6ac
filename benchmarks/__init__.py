"""What skorche costs, beside plain Python in the same run. One file here is one question; see README.md.

`python -m benchmarks` runs them all, each in a fresh process; `harness/` holds what they share.
"""
