"""What one message may cost the process that parses it, and how that process is spoken to: for both of its ends."""

from __future__ import annotations

import struct

CPU_SECONDS = 2.0
"""For one message."""
MEMORY = 200 << 20
"""Bytes for one message, beside the message itself and what the process has without any."""
OUT_OF_MEMORY = 77
"""The exit code of a worker without memory."""
LENGTH = struct.Struct(">I")
"""Stands before each message of the pipes, which is in marshal."""
MARKER = struct.Struct("q")
"""In memory that both see: the id of the content at work, 0 between two lists."""
