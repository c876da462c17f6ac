"""How hard the laws are tried: `--hypothesis-profile=fuzz` (what `make fuzz` says) tries each on many more graphs."""

import os

from hypothesis import HealthCheck, settings

COMMON = settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

settings.register_profile("ci", COMMON, max_examples=500)
settings.register_profile("fuzz", COMMON, max_examples=int(os.environ.get("EXAMPLES", "20000")))
settings.load_profile("ci")
