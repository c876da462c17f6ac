"""What the type hints of functions say of the items on a queue: read, followed along the graph, compared."""
