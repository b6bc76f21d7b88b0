"""HTTPS, as the ConnectWise and NordPass clients share it. It knows neither of them.

Belongs here: opening a session (TLS trust, proxies, no cookies), sending a request once with limits on time and size,
classifying how an attempt failed, repeating it after a wait, and making secrets and foreign text safe to show.

Does not belong here: addresses, credentials, which failures allow another attempt (each client has its own table),
what a reply means, and which error a caller gets (their base is here). Of the product it imports only `errors`.
"""
