"""`gliaflow serve`: a released model as a web page and an API, for files that nobody vouches for."""
