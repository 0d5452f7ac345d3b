"""The exercises' checks, from lesson 0 on: each compares what the reader's function does, never its source text.

Only numbers, strings, tensors, arrays, lists and dicts pass, so a stand-in in another process can take its place.
"""

# ruff: noqa: F401 (imported for the lessons, which call checks.NAME)
from .lesson00 import my_caption
from .lesson01 import blend, ladder, neighbours, psnr, to_screen
from .lesson02 import (
    ideal_guess,
    ideal_walk,
    nearest_photo,
    picture_from_noise,
    step_back,
    training_pair,
    walk_back,
)
from .lesson03 import best_possible, mean_answer, open_bits, shrink, weigh
from .lesson04 import add_up, cosine, share_right, solve, swap, turn
from .lesson05 import drop_keys, frechet_1d, guided, key_for, shares_right
from .lesson06 import fall, flat, mirror, quietest, safe
from .lesson07 import count_left, keep_best, mean_distance, tally, warmth
from .lesson08 import collection_size, is_copy, number_bits, pair_distances, times_as_often, to_nearest
from .lesson09 import amount_for, count_parameters, ddim_step, times_fewer
from .verdict import Verdict
