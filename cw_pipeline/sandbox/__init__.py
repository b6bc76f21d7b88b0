"""A local ConnectWise PSA and NordPass, over HTTPS on loopback, for trials and tests.

Belongs here: the two simulated services with their state, data, rules and errors; the faults that can be switched on;
the journal of requests; and the control interface that plays the people who work in either service (a technician who
edits a line, an accountant who invoices). Does not belong here: code that the product runs against the real services.
The sandbox imports nothing of the product, so that the two cannot share a misunderstanding.

What it knows of ConnectWise PSA comes from ConnectWise's own documents and from public reports of its behaviour. The
NordPass Provider API is not public: what is served here is an assumption.
"""

from cw_pipeline.sandbox.control import SandboxControl
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox

__all__ = ["FaultKind", "Sandbox", "SandboxControl"]
