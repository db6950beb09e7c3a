"""The datasets that ship with forget, one light module each, and what they share."""

FORGET_API_VERSION = "1.0"
