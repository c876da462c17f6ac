"""Memory that a worker shares with its parent: what it is on, and behind that results that have not been sent yet."""

from skorche.engines.process.transcript import TRANSCRIPT_BYTES

# the numbers of the slot
INDEX, STEP, TICKET, LAST, SPOOLED = 0, 1, 2, 3, 4
RESIDENT, LINED = 7, 8  # its memory in bytes, and how long it stood in line for a core, in nanoseconds
AT_REST = 9  # whether it is kept between two runs
SLOT_BYTES = 10 * 8  # two of them are the transcript's
SPOOL_END = 1 << 16
SHARED_BYTES = SPOOL_END + TRANSCRIPT_BYTES
"""The slot, behind it the spool, and behind that the transcript."""
# what STEP says when the worker is in no step
IDLE, READING, WRITING, LOADING = -1, -2, -3, -4
# what INDEX says when the worker is on no item, or on any of the slice
NONE, ANY = -1, -2
