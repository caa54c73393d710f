"""What holds before any test is loaded: its threads, and the decorator that checks signatures."""

import os

from beartype import BeartypeConf, beartype

# Tests run side by side, a process a core. Each, and each process that it starts, computes with one
# thread: threads of several on the same cores wait for each other by spinning. What OpenMP and
# OpenCV are told counts when they are loaded, so torch must come later.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENCV_FOR_THREADS_NUM": "1",
}

# pyproject.toml names it. A whole number is welcome wherever a float is, as everywhere in Python.
typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
