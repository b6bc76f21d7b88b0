"""HTTPS, as the ConnectWise and NordPass clients share it. It knows neither of them.

Belongs here: connections (TLS trust, proxies), sending a request once within bounds of time and size, classifying how
an attempt failed, repeating it after a wait, and making secrets and foreign text safe to show.

Does not belong here: addresses, credentials, which failures allow another attempt (each client has its own table),
what a reply means, and which error is raised (their base is here). Of the product it imports only `errors`.
"""
