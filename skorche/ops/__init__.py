"""The language: one operator, one file. Each is a node (its traits) and a step or a regrouping."""
