"""What the product costs: requests, processor time, memory and waiting, each beside its limit. `make bench` runs it.

ConnectWise and NordPass are played by a process of their own (`fake`), and each measurement is made in another one, so
that its processor time and memory are the product's alone. `world` sets a warehouse up; `harness` measures. The other
modules have a group of rows each; `scripts` does the same month in two other ways.
"""
