"""What tests of several rooms share: databases, an MSP to sync, other processes, and where messages arrive.

What only one room uses stays in that room, and no test is here.
"""
