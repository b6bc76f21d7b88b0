"""HTTPS, as the ConnectWise and NordPass clients share it; it knows neither of them.

Here belong: opening a session (TLS trust, proxies, no cookies), sending a request once with bounds on time and size,
naming how an attempt failed, sending it again and the waits between, and making secrets and foreign text safe to show.

Here don't belong: addresses, credentials, which failures allow another attempt (each client has its own table), what a
reply means, and the errors that callers of a client see. This package imports no other package of the product.
"""
