"""The simulated NordPass Provider API.

NordPass publishes its Provider API's guide only inside its panel. What is served here is an ASSUMPTION: paths, members,
tokens, errors and paging may all differ from the real service.

Here belong: organizations, their monthly usage, and the HTTP interface. Here does not belong: anything of ConnectWise.
"""
