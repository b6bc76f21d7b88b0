"""Whether ConnectWise billed what it was told to: our invoiced lines beside the lines of invoices. It only reads."""
