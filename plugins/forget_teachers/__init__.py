"""The teachers that ship with forget."""

FORGET_API_VERSION = "1.0"
