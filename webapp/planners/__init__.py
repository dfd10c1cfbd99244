"""What a large change will change: planners, which run in a child process and know neither the web nor SQLAlchemy."""
