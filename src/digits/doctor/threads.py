"""Settings of threads in the environment, which libraries obey without a word."""

import os
import re

from digits.doctor.faults import (
    DUPLICATE_OPENMP_ALLOWED,
    MORE_THREADS_THAN_CORES,
    SPINNING_THREADS,
    THREADS_NOT_A_NUMBER,
    Finding,
    setting,
)
from digits.doctor.part import Part

NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that say how many threads compute."""
OTHERS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_DUPLICATE_LIB_OK")
"""Variables that say how threads wait, and one that hides a second runtime."""

USUAL_SPINS = 300_000
"""Turns that a thread of libgomp spins for by itself, before it sleeps. Source: its manual."""
USUAL_BLOCK_MS = 200
"""Milliseconds that a thread of libiomp5 spins for by itself. Source: its manual."""
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
"""Suffixes of a number of spins."""


def examine_threads(cores: int) -> Part:
    """Examine the settings of threads.

    Args:
        cores: Number of cores that this process may use.
    """
    values = {name: os.environ[name] for name in NUMBERS + OTHERS if os.environ.get(name)}
    findings: list[Finding] = []
    for name, value in values.items():
        if name in NUMBERS:
            findings += _examine_number(name, value, cores)
        elif name == "KMP_DUPLICATE_LIB_OK":
            if value.strip().lower() in ("true", "1", "yes", "on", ".true.", "t"):
                command = setting(name, None)
                findings.append(DUPLICATE_OPENMP_ALLOWED.found(value=value, command=command))
        elif _spins(name, value):
            command = setting(name, None)
            findings.append(SPINNING_THREADS.found(variable=name, value=value, command=command))
    return Part("threads", {"settings": values}, tuple(findings))


def _examine_number(name: str, value: str, cores: int) -> list[Finding]:
    # OpenMP takes a list, a number for each level; only the first one is of use here.
    number = re.fullmatch(r"\s*\+?(\d+)\s*(,[\d\s,]*)?", value)
    if number is None or int(number[1]) == 0:
        command = setting(name, None)
        return [THREADS_NOT_A_NUMBER.found(variable=name, value=value, command=command)]
    if int(number[1]) > cores:
        command = setting(name, str(cores))
        return [
            MORE_THREADS_THAN_CORES.found(variable=name, value=value, cores=cores, command=command)
        ]
    return []


def _spins(name: str, value: str) -> bool:
    """Whether threads that wait spin for longer than by themselves."""
    value = value.strip().upper()
    if name == "OMP_WAIT_POLICY":
        return value == "ACTIVE"
    if value.startswith("INFINIT"):
        return True
    if name == "GOMP_SPINCOUNT":
        spins = re.fullmatch(r"(\d+)\s*([KMGT]?)", value)
        return spins is not None and int(spins[1]) * UNITS[spins[2]] > USUAL_SPINS
    milliseconds = re.fullmatch(r"(\d+)\s*(MS)?", value)
    return milliseconds is not None and int(milliseconds[1]) > USUAL_BLOCK_MS
