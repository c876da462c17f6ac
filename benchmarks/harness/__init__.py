"""What the benchmarks share: taking turns, fresh processes, memory, the machine, the history."""
