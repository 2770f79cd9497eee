"""What one message may cost the process that reads or decides it: memory, and processor time."""

import resource
import time
from pathlib import Path
from typing import Final

MEMORY_BYTES: Final = 1024**3  # and for each of the message's bytes as many more:
MEMORY_PER_BYTE: Final = 20
PROCESSOR_S: Final = 60


def limit(size_bytes: int) -> int:
    """Hold this process, from now on, to what a message of that size may cost; gives its memory in bytes.

    What goes beyond raises MemoryError, or ends the process.
    """
    used_s = int(time.process_time())
    memory_bytes = MEMORY_BYTES + MEMORY_PER_BYTE * size_bytes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + PROCESSOR_S, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (_address_space_bytes() + memory_bytes, resource.RLIM_INFINITY))
    return memory_bytes


def _address_space_bytes() -> int:
    """What this process has set aside so far, used or not: its threads' stacks alone may be a lot."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # no Linux
        return 0
    return pages * resource.getpagesize()


def lift() -> None:
    """Let this process have what it needs again."""
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
