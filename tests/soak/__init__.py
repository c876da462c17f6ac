"""Random graphs on real engines, while workers are killed and runs are stopped at random; see `__main__`."""
