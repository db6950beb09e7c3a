"""The teachers that ship with forget."""
