"""What can go wrong with the warehouse."""

from __future__ import annotations


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; the message says what to do next."""


class DatabaseUnreachable(WarehouseError):
    """The database cannot be opened."""


class LockHeld(WarehouseError):
    """Another push to the same ConnectWise company is at work, and was so for as long as we waited."""


class LockLost(WarehouseError):
    """The database connection that holds the push lock broke: another push may begin, so this one must stop."""
