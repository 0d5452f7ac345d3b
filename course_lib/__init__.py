"""The shared library of the course "What Are AI Art Models?".  Each module belongs to the lesson that introduces it."""

import os

__version__ = "0.1.0"

# Torch's threads wait for each other by spinning, which slows training tenfold on two cores as soon as anything else
# runs, the reader's browser say.  It counts if torch is imported after this: the lessons import course_lib first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
