"""A local ConnectWise PSA and NordPass, over HTTPS on loopback, for trying out and for tests.

Here belong: the two simulated services with their state, their data, their rules and their errors; the faults that can
be switched on; the journal of requests; and the control interface that plays the people who work in either service
(a technician who edits a line, an accountant who invoices). Here does not belong: any code that the product runs
against the real services. The sandbox imports nothing of the product, so that a misunderstanding cannot be shared.

What it knows of ConnectWise PSA comes from ConnectWise's own documents and from public reports of its behaviour. The
NordPass Provider API is not public: what is served here is an assumption.
"""

from cw_pipeline.sandbox.control import SandboxControl
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox

__all__ = ["FaultKind", "Sandbox", "SandboxControl"]
