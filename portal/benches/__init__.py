"""The measurements of `manage.py bench`, each with its ceiling from the same run.

A bench runs in a process of its own (`portal.benches.__main__`) on a scratch database and a free Redis database, made
and dropped by `portal.benches.scratch`: the operator's data is never touched.
"""

BENCHES = {
    "outbound": "portal.benches.outbound",
    "scale": "portal.benches.scale",
    "webhooks": "portal.benches.webhooks",
    "inbox": "portal.benches.inbox",
    "thread": "portal.benches.thread",
    "live": "portal.benches.live",
    "gate": "portal.benches.gate",
    "import": "portal.benches.imports",
    "start": "portal.benches.start",
    "memory": "portal.benches.memory",
}  # name -> module with `run(size) -> Iterator[Result]`; `size` None is the bench's own
