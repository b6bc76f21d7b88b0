"""What people do: connect, map products, import and map companies, add organizations, accept lines, disconnect.

Belongs here: each of these actions with its checks, and the audit log. What only reads belongs in
`cw_pipeline.reports`; sentences and table cells belong in `cw_pipeline.wording`.

Unless it says otherwise, an action does all that it is asked to do, or raises an error and changes nothing. Not
repeated at each of them: `NotConnected` if nothing is connected, `WrongCompany` if another company is connected than
the client speaks to, `LockHeld` if a push is at work for ten minutes, and `ConnectWiseError` if ConnectWise cannot be
read.
"""
