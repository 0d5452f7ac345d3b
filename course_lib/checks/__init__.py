"""The exercises' checks, from lesson 1 on: each compares what the reader's function does, never its source text.

Only numbers, strings, tensors, arrays, lists and dicts pass, so a stand-in in another process can take its place.
"""

# ruff: noqa: F401 (imported for the lessons, which call checks.NAME)
from .lesson01 import blend, ladder, neighbours, psnr, to_screen
from .lesson02 import ideal_guess, picture_from_noise, step_back, training_pair, walk_back
from .verdict import Verdict
