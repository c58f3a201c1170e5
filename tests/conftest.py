"""How many random examples a property test tries: few while working, many in `make test-all`."""

from hypothesis import settings

# No deadline: a shared machine pauses for longer than any example takes.
settings.register_profile("default", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("default")
