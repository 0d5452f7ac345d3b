"""Tools for authors, for instructors and for the command line: no lesson imports them."""
