"""The programs `musiq-train run`, `evaluate` and `publish`: arguments and commands."""
