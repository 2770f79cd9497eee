"""How long and how freely the property tests of the mail room search.

Usually each run tries the same examples and none is timed, so that a busy machine or a chance find stops
nobody's work. With `ESPOMAIL_MUTATIONS` set, as `script/fuzz` does, they search at random, and longer.
"""

import os

from hypothesis import settings

settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=5000)
settings.load_profile("search" if "ESPOMAIL_MUTATIONS" in os.environ else "usual")
