"""What code that reads a stranger's bytes can raise, ours and the libraries'.

Running out of memory and being interrupted are not among them: that is the machine's trouble, not the mail's.
"""

import struct
from typing import Final

FAULTS: Final = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, NameError, RuntimeError),
    *(TypeError, ValueError, struct.error),
)
