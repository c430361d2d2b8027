"""The programs that data teams run: Beam and files at the edge of `musiq_core`."""
