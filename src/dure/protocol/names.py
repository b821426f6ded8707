"""What messages call things by: no more than every database and process can hold."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import StringConstraints

Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
"""What a record calls something by: what every database stores, and no more."""

LARGEST_COUNT: Final = 2**31 - 1
"""What a database's ordinary integer holds."""

Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text that every database stores."""

LARGEST_REVISION: Final = 2**62
"""Half of what a database's integer holds, so that it can be counted on from."""
