"""The methods that come with forget; each folder is a plugin like any other."""

FORGET_API_VERSION = "1.0"
