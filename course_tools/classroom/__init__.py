"""A release goes out, submissions come back, points come of it: tools of instructors."""
