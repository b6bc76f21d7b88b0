"""The simulated NordPass Provider API.

NordPass publishes its Provider API's guide only inside its panel. What is served here is an ASSUMPTION: paths,
members, tokens, errors and paging may all differ from the real service.

Belongs here: organizations, their monthly usage, and the HTTP interface. Does not belong here: anything of
ConnectWise.
"""
