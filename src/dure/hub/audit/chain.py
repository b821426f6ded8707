"""What an event's hash covers: everything, and the hash before it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC

from dure.hub.audit.models import Event

GENESIS = "0" * 64


def digest(event: Event) -> str:
    """SHA-256 over the canonical JSON of all fields but the hash itself."""
    body = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(),
        "who": event.who,
        "what": event.what,
        "subject": event.subject,
        "why": event.why,
        "detail": event.detail,
        "previous": event.previous_hash,
    }
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
