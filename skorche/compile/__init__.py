"""A graph, understood: `validate` finds what cannot run, `fuse` groups steps into stages, `plan` freezes the result."""
