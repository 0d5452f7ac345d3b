"""The course's model beside the libraries that a reader would otherwise use: `python -m benchmarks.peers`."""
