"""The machine: files, threads, clocks, libraries."""
