"""Runs kernels in worker processes: one private pipe per worker, chunks of items, exact blame when one dies.

`engine.py` speaks the protocol, `hub.py` is the thread that talks to the workers, `member.py` a worker as it sees it,
`launch.py` starts them, `kept.py` has those that wait for another run, `worker.py` is what runs in them, `wire.py` what
goes over the pipe, `job.py` a chunk on its way, `blame.py` tells what a dead worker was on, `stacks.py` what one that
hangs is doing. What workers log and print goes from `voice.py` to `listener.py`, through a pipe of its own;
`records.py` packs log records for it. A worker imports this package too, so nothing is imported here.
"""
