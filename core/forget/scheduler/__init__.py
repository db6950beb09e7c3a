"""A study taken apart into units of work, each a command that can be run by hand."""
