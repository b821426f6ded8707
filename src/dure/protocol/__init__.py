"""What hub and site agents say to each other, version `dure.site/1`.

- The desired document is complete, never a delta; its revision only grows.
- Reports arrive at least once; every record has a natural key, so twice is once.
- A usage or node record is a closed segment `[start, end)`: immutable once said. A long job is
  many segments, so a month can close while it runs.
- `complete_through` is the agent's promise: every segment before it has been said.
"""

from dure.protocol.desired import (
    AllocationState,
    Binding,
    Desired,
    Drain,
    LentShare,
    Maintenance,
    MemberAccess,
)
from dure.protocol.enrolment import Credential, Enrolment
from dure.protocol.jobs import (
    FINISHED,
    JobNote,
    JobOrder,
    JobRequest,
    JobState,
    NotedState,
    StartEstimate,
)
from dure.protocol.report import (
    Capabilities,
    DeviceEvent,
    DeviceEventKind,
    Drift,
    LostWork,
    NodeHealth,
    NodeRecord,
    NodeState,
    PoolInventory,
    Receipt,
    Report,
    SiteFinding,
    UsageRecord,
    WorkKind,
)

VERSION = "dure.site/1"

__all__ = [
    "FINISHED",
    "VERSION",
    "AllocationState",
    "Binding",
    "Capabilities",
    "Credential",
    "Desired",
    "DeviceEvent",
    "DeviceEventKind",
    "Drain",
    "Drift",
    "Enrolment",
    "JobNote",
    "JobOrder",
    "JobRequest",
    "JobState",
    "LentShare",
    "LostWork",
    "Maintenance",
    "MemberAccess",
    "NodeHealth",
    "NodeRecord",
    "NodeState",
    "NotedState",
    "PoolInventory",
    "Receipt",
    "Report",
    "SiteFinding",
    "StartEstimate",
    "UsageRecord",
    "WorkKind",
]
