"""The tracker of a study: what `forget status` shows.

`collect` gathers `facts` from the disk and from whoever runs jobs; `tables` lays them out, for a
terminal or as Markdown; `plain` is the documented JSON. No fact is found by a rendering.
"""
