"""What happens in this process, counted for Prometheus. What merely stands so is read from the ledger (`runtime.standing`)."""
