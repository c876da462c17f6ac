"""skorche beside its peers: the same functions, each peer at its best setting known, in turn, in one run.

`python -m benchmarks.peers` (`make bench-peers`) measures, prints, and keeps the results; see ../README.md.

```
__main__  the command        rows      what is measured: a row of the table, its inputs and the answer expected
rounds    taking turns       sample    one measurement, made in a fresh process
kept      peers.jsonl        work      the functions of the rows; photos: those that need files
table     for the README     bounds    what is wanted of skorche
ways/     a file for each peer: how it does the rows
```
"""
