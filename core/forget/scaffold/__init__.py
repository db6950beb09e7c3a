"""New plugins: a name checked, a small distribution written from templates (`forget new plugin`).

`naming.py` says what everything in it is called and whether that is free, `writing.py` renders the
templates and writes them, wholly or not at all.
"""
