"""A local ConnectWise PSA and NordPass, over HTTPS on loopback, for trials and tests.

Belongs here: the two simulated services, with their data, rules and errors; the faults that can be switched on; the
journal of requests; and what the people in either service do, such as a technician who edits a line. Does not belong
here: code that the product runs against the real services. The sandbox imports nothing of the product, so that the two
cannot share a misunderstanding.

What it knows of ConnectWise PSA comes from ConnectWise's documents and public reports. NordPass's Provider API is not
public: it is simulated as assumed.
"""

from cw_pipeline.sandbox.control import SandboxControl
from cw_pipeline.sandbox.faults import FaultKind
from cw_pipeline.sandbox.sandbox import Sandbox

__all__ = ["FaultKind", "Sandbox", "SandboxControl"]
