"""A plan, running: the scheduler (pure), the coordinator that feeds it, and the protocol of engines."""
