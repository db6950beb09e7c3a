"""The methods that come with forget; each folder is a plugin like any other."""
