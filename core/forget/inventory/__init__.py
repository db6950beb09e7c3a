"""What data there is: found from manifests, files and plugins, never written down by hand.

`records` is a line of the inventory; `sources`, `prepared` and `stores` find the lines; `audit`
reads everything through; `samples` shows examples as a model sees them; `fetch` fills a mirror.
Nothing here but `fetch` writes anything.
"""
