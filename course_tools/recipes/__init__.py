"""How each file of course_lib/shipped is made again: `course train NAME` is recipes/NAME.py."""
