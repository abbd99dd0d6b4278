"""Reports: words, figures and tables of analyses on one page."""
