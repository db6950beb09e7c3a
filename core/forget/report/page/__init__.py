"""The report as one HTML file that needs nothing else: no network, no server, no other file.

`writing` puts the parts together; `summary` says in words what was found; `charts` are
specifications for Vega-Lite; `encoding` is how the data travel. The page's own behaviour is in
`assets/`.
"""

from forget.report.page.writing import write_page

__all__ = ["write_page"]
