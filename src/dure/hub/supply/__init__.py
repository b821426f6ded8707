"""The programme as loaded, its providers, clusters and pools, and the site agents' side."""
