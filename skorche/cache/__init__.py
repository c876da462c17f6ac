"""Results of tasks, kept by what they were made of: the task's code, its arguments, and the item."""
