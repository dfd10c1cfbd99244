"""What is the same SQL on every database: it is run on a `Connection`, whose `Dialect` prints what differs."""
