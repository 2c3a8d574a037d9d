"""One file per part of the web page."""
