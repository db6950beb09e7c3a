"""What is on disk: run directories, manifests, journals; nothing is ever half-written.

`atomic` writes files and folders beside their place and renames them; `manifest` says whether a
folder is complete and unchanged; `journal` keeps work that arrives piece by piece; `layout` knows
where things are; `runfile` freezes what a run is.
"""
