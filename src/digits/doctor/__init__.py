"""Diagnosis of an installation and the machine under it: what is there, and known faults.

Nothing leaves the machine, torch is not loaded, and libraries are loaded in a process of its own.
"""

from digits.doctor.diagnosis import examine

__all__ = ["examine"]
