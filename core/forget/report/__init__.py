"""What a sweep found, for people and machines.

`findings` reads evaluations and pairs base with checkpoint; `terminal` draws tables; `plain` is
the documented JSON.
"""
