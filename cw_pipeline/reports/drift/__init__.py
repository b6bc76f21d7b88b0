"""Drift: what people changed by hand in ConnectWise. It is only read and reported, never corrected."""
