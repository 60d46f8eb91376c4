"""Properties of histories take as long as the machine is busy: no deadline may fail them."""

from hypothesis import settings

settings.register_profile("histories", deadline=None)
settings.load_profile("histories")
