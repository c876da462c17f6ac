"""The command line: arguments in, calls of the library out. Results go to stdout, all else to stderr."""
