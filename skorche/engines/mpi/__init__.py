"""Tasks on the ranks of an MPI program. Each runs the same script: rank 0 leads its runs, the others serve in them.

    rank 0:   run() ──RUN──▶ ... tasks by mpi4py.futures ... ──END: report, results──▶ wait() ... ──BYE──▶ exit
    others:   run(): wait ──▶ serve ────────────────────────▶ wait for the end ──────▶ wait() ...   wait ──▶ exit

`launch` sees by the environment how the program was started, `ranks` is what the ranks say to each other, `parcel` how
the end of a run travels, `engine` the engine.
"""
