"""What a sweep found, for people and machines.

What is shown was found by `forget.verdict`. `terminal` draws tables and `plain` is the documented
JSON; `page`, `figures` and `tables` write files of what `gathering` puts together.
"""
