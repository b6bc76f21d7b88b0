"""A month's report for the person who reconciles: what each customer owes and is billed, and what is not billed.

It is made from the warehouse alone: the month's latest push, the ledger, and the pushes of the year before.
"""
